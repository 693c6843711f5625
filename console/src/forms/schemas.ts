// Generated from docs/openapi.json by `npm run types`. Do not edit.
import type { Schema } from "./schema";

export const schemas: Record<"TaskInput" | "TaskDocument" | "TemplateInput" | "StartInput", Schema> = {
  "TaskInput": {
    "type": "object",
    "description": "Request to create a task or to replace its content.",
    "required": [
      "name",
      "template",
      "epochs",
      "members"
    ],
    "properties": {
      "epochs": {
        "title": "Epochs",
        "type": "integer",
        "description": "Number of training rounds.",
        "minimum": 1,
        "maximum": 100000
      },
      "labels": {
        "title": "Labels",
        "type": "object",
        "description": "Names and values by which lists select the task.",
        "maxProperties": 32,
        "values": {
          "type": "string",
          "description": "Value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit.",
          "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
        },
        "names": "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
      },
      "members": {
        "title": "Members",
        "type": "array",
        "description": "Members of the task, at most one per party.",
        "minItems": 1,
        "maxItems": 1000,
        "items": {
          "type": "object",
          "description": "One party's part in a task, in a request.",
          "required": [
            "party",
            "role"
          ],
          "properties": {
            "dataset": {
              "title": "Dataset",
              "type": "string",
              "description": "Name that the party gives the dataset that the member works on.",
              "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
            },
            "party": {
              "title": "Party",
              "type": "string",
              "description": "Name of the party.",
              "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
            },
            "role": {
              "title": "Role",
              "type": "string",
              "description": "Role of the party in the task.",
              "enum": [
                "aggregator",
                "trainer"
              ]
            }
          },
          "closed": true
        }
      },
      "name": {
        "title": "Name",
        "type": "string",
        "description": "Name of the task, unique in the project.",
        "minLength": 1,
        "maxLength": 50,
        "pattern": "^(\\.|\\.?[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]\\.|([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f])(\\.?[^./\\\\\\x00-\\x1f\\x7f-\\x9f])*\\.?([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)$"
      },
      "parameters": {
        "title": "Parameters",
        "type": "object",
        "description": "Values of parameters that the template declares, by name.",
        "maxProperties": 64,
        "values": {
          "type": "string",
          "description": "Value of a parameter, as text.",
          "maxLength": 1024,
          "pattern": "^[^\\x00]*$"
        },
        "names": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
      },
      "remark": {
        "title": "Remark",
        "type": "string",
        "description": "Free text for people.",
        "default": "",
        "maxLength": 500,
        "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"
      },
      "revision": {
        "title": "Revision",
        "type": "integer",
        "description": "Revision of the template. Without it the task gets the newest revision and keeps it.",
        "minimum": 1,
        "maximum": 4294967295
      },
      "rules": {
        "title": "Rules",
        "type": "object",
        "description": "Deadlines, retries and number of parties of each run.",
        "properties": {
          "give_up_after_s": {
            "title": "Give up after (s)",
            "type": "integer",
            "description": "Longest absence of a required party before the run fails, in seconds.",
            "default": 900,
            "minimum": 1,
            "maximum": 2592000
          },
          "minimum_parties": {
            "title": "Minimum parties",
            "type": "integer",
            "description": "Number of trainers, besides the aggregator, that must be ready for a start when the reservation deadline ends. Without it all must be.",
            "minimum": 1,
            "maximum": 1000
          },
          "no_progress_s": {
            "title": "No progress (s)",
            "type": "integer",
            "description": "Longest time without progress while the run is running, in seconds.",
            "default": 1800,
            "minimum": 1,
            "maximum": 2592000
          },
          "queue_deadline_s": {
            "title": "Queue deadline (s)",
            "type": "integer",
            "description": "Longest time from the start of the task to its first workload, in seconds.",
            "default": 3600,
            "minimum": 1,
            "maximum": 2592000
          },
          "retries": {
            "title": "Retries",
            "type": "integer",
            "description": "Number of new runs after failures that a new run may avoid.",
            "default": 0,
            "minimum": 0,
            "maximum": 10
          },
          "start_deadline_s": {
            "title": "Start deadline (s)",
            "type": "integer",
            "description": "Longest time from the start of the members until all are running, in seconds.",
            "default": 300,
            "minimum": 1,
            "maximum": 86400
          }
        },
        "closed": true
      },
      "template": {
        "title": "Template",
        "type": "string",
        "description": "Id of the template.",
        "pattern": "^[0-9a-f]{32}$"
      }
    },
    "closed": true
  },
  "TaskDocument": {
    "type": "object",
    "description": "Content of a task that refers to its template by id or name.",
    "required": [
      "name",
      "template",
      "members"
    ],
    "properties": {
      "epochs": {
        "title": "Epochs",
        "type": "integer",
        "description": "Number of training rounds.",
        "minimum": 1,
        "maximum": 100000
      },
      "labels": {
        "title": "Labels",
        "type": "object",
        "description": "Names and values by which lists select the task.",
        "maxProperties": 32,
        "values": {
          "type": "string",
          "description": "Value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit.",
          "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
        },
        "names": "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
      },
      "members": {
        "title": "Members",
        "type": "array",
        "description": "Members of the task, at most one per party.",
        "minItems": 1,
        "maxItems": 1000,
        "items": {
          "type": "object",
          "description": "One party's part in a task, in a request.",
          "required": [
            "party",
            "role"
          ],
          "properties": {
            "dataset": {
              "title": "Dataset",
              "type": "string",
              "description": "Name that the party gives the dataset that the member works on.",
              "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
            },
            "party": {
              "title": "Party",
              "type": "string",
              "description": "Name of the party.",
              "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
            },
            "role": {
              "title": "Role",
              "type": "string",
              "description": "Role of the party in the task.",
              "enum": [
                "aggregator",
                "trainer"
              ]
            }
          },
          "closed": true
        }
      },
      "name": {
        "title": "Name",
        "type": "string",
        "description": "Name of the task, unique in the project.",
        "minLength": 1,
        "maxLength": 50,
        "pattern": "^(\\.|\\.?[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]\\.|([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f])(\\.?[^./\\\\\\x00-\\x1f\\x7f-\\x9f])*\\.?([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)$"
      },
      "parameters": {
        "title": "Parameters",
        "type": "object",
        "description": "Values of parameters that the template declares, by name.",
        "maxProperties": 64,
        "values": {
          "type": "string",
          "description": "Value of a parameter, as text.",
          "maxLength": 1024,
          "pattern": "^[^\\x00]*$"
        },
        "names": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
      },
      "remark": {
        "title": "Remark",
        "type": "string",
        "description": "Free text for people.",
        "default": "",
        "maxLength": 500,
        "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"
      },
      "revision": {
        "title": "Revision",
        "type": "integer",
        "description": "Revision of the template. Without it the task gets the newest revision and keeps it.",
        "minimum": 1,
        "maximum": 4294967295
      },
      "rules": {
        "title": "Rules",
        "type": "object",
        "description": "Deadlines, retries and number of parties of each run.",
        "properties": {
          "give_up_after_s": {
            "title": "Give up after (s)",
            "type": "integer",
            "description": "Longest absence of a required party before the run fails, in seconds.",
            "default": 900,
            "minimum": 1,
            "maximum": 2592000
          },
          "minimum_parties": {
            "title": "Minimum parties",
            "type": "integer",
            "description": "Number of trainers, besides the aggregator, that must be ready for a start when the reservation deadline ends. Without it all must be.",
            "minimum": 1,
            "maximum": 1000
          },
          "no_progress_s": {
            "title": "No progress (s)",
            "type": "integer",
            "description": "Longest time without progress while the run is running, in seconds.",
            "default": 1800,
            "minimum": 1,
            "maximum": 2592000
          },
          "queue_deadline_s": {
            "title": "Queue deadline (s)",
            "type": "integer",
            "description": "Longest time from the start of the task to its first workload, in seconds.",
            "default": 3600,
            "minimum": 1,
            "maximum": 2592000
          },
          "retries": {
            "title": "Retries",
            "type": "integer",
            "description": "Number of new runs after failures that a new run may avoid.",
            "default": 0,
            "minimum": 0,
            "maximum": 10
          },
          "start_deadline_s": {
            "title": "Start deadline (s)",
            "type": "integer",
            "description": "Longest time from the start of the members until all are running, in seconds.",
            "default": 300,
            "minimum": 1,
            "maximum": 86400
          }
        },
        "closed": true
      },
      "template": {
        "title": "Template",
        "type": "string",
        "description": "Id or name of the template, which the same request may contain.",
        "minLength": 1,
        "maxLength": 50,
        "pattern": "^(\\.|\\.?[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]\\.|([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f])(\\.?[^./\\\\\\x00-\\x1f\\x7f-\\x9f])*\\.?([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)$"
      }
    },
    "closed": true
  },
  "TemplateInput": {
    "type": "object",
    "description": "Request to create a template or a new revision of it.",
    "required": [
      "name",
      "framework",
      "image",
      "command"
    ],
    "properties": {
      "aggregator_command": {
        "title": "Aggregator command",
        "type": "array",
        "description": "Program and arguments of the aggregator. Empty selects the framework's own.",
        "minItems": 0,
        "maxItems": 256,
        "items": {
          "type": "string",
          "description": "Argument of a program, or value of an environment variable.",
          "maxLength": 8192,
          "pattern": "^[^\\x00]*$"
        }
      },
      "command": {
        "title": "Command",
        "type": "array",
        "description": "Program and arguments of the trainer. The framework adds its own arguments.",
        "minItems": 1,
        "maxItems": 256,
        "items": {
          "type": "string",
          "description": "Argument of a program, or value of an environment variable.",
          "maxLength": 8192,
          "pattern": "^[^\\x00]*$"
        }
      },
      "env": {
        "title": "Environment",
        "type": "object",
        "description": "Environment variables that the workload gets besides those of the platform.",
        "maxProperties": 128,
        "values": {
          "type": "string",
          "description": "Argument of a program, or value of an environment variable.",
          "maxLength": 8192,
          "pattern": "^[^\\x00]*$"
        },
        "names": "^[A-Za-z_][A-Za-z0-9_]{0,127}$"
      },
      "framework": {
        "title": "Framework",
        "type": "string",
        "description": "Framework: how the workload gets its arguments and how its success is recognised.",
        "enum": [
          "iflearner",
          "generic"
        ]
      },
      "image": {
        "title": "Image",
        "type": "string",
        "description": "Image name. Each party resolves it with its image map.",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[^\\s\\x00-\\x1f\\x7f-\\x9f]+$"
      },
      "max_runtime_s": {
        "title": "Max runtime (s)",
        "type": "integer",
        "description": "Longest runtime of a workload, in seconds. Time in which its machine is suspended does not count.",
        "default": 86400,
        "minimum": 1,
        "maximum": 31536000
      },
      "name": {
        "title": "Name",
        "type": "string",
        "description": "Name of the template, unique in the project.",
        "minLength": 1,
        "maxLength": 50,
        "pattern": "^(\\.|\\.?[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]\\.|([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f])(\\.?[^./\\\\\\x00-\\x1f\\x7f-\\x9f])*\\.?([^.\\s/\\\\\\x00-\\x1f\\x7f-\\x9f]|[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)|\\.[^./\\\\\\x00-\\x1f\\x7f-\\x9f]\\.)$"
      },
      "parameters": {
        "title": "Parameters",
        "type": "object",
        "description": "Parameters that a task may set, by name.",
        "maxProperties": 64,
        "values": {
          "type": "object",
          "description": "One parameter that a template declares, in a request. Values are text; the type restricts which texts are valid.",
          "required": [
            "type"
          ],
          "properties": {
            "default": {
              "title": "Default",
              "type": "string",
              "description": "Value if a task sets none. Without a default every task must set the parameter.",
              "maxLength": 1024,
              "pattern": "^[^\\x00]*$"
            },
            "description": {
              "title": "Description",
              "type": "string",
              "description": "Description for people.",
              "default": "",
              "maxLength": 500
            },
            "enum": {
              "title": "Enum",
              "type": "array",
              "description": "Valid values. Absent if the type alone decides.",
              "maxItems": 256,
              "items": {
                "type": "string",
                "description": "Value of a parameter, as text.",
                "maxLength": 1024,
                "pattern": "^[^\\x00]*$"
              }
            },
            "maximum": {
              "title": "Maximum",
              "type": "string",
              "description": "Largest valid number, as decimal text.",
              "maxLength": 1024,
              "pattern": "^[^\\x00]*$"
            },
            "minimum": {
              "title": "Minimum",
              "type": "string",
              "description": "Smallest valid number, as decimal text.",
              "maxLength": 1024,
              "pattern": "^[^\\x00]*$"
            },
            "type": {
              "title": "Type",
              "type": "string",
              "description": "Type of the value.",
              "enum": [
                "string",
                "integer",
                "number",
                "boolean"
              ]
            }
          },
          "closed": true
        },
        "names": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
      },
      "remark": {
        "title": "Remark",
        "type": "string",
        "description": "Free text for people.",
        "default": "",
        "maxLength": 500,
        "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"
      },
      "requires_aggregator": {
        "title": "Requires aggregator",
        "type": "boolean",
        "description": "A task of this template must have a member with the role aggregator."
      },
      "requires_dataset": {
        "title": "Requires dataset",
        "type": "array",
        "description": "Roles whose members must name a dataset.",
        "items": {
          "type": "string",
          "description": "Role of a party in a task.",
          "enum": [
            "aggregator",
            "trainer"
          ]
        }
      },
      "resources": {
        "title": "Resources",
        "type": "object",
        "description": "Resources that each member requests.",
        "properties": {
          "cpu_millis": {
            "title": "CPU (millicores)",
            "type": "integer",
            "description": "Processor time, in thousandths of a core.",
            "default": 0,
            "minimum": 0,
            "maximum": 1024000
          },
          "memory_mib": {
            "title": "Memory (MiB)",
            "type": "integer",
            "description": "Memory, in MiB.",
            "default": 0,
            "minimum": 0,
            "maximum": 16777216
          }
        },
        "closed": true
      },
      "stop_grace_s": {
        "title": "Stop grace (s)",
        "type": "integer",
        "description": "Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.",
        "default": 10,
        "minimum": 0,
        "maximum": 600
      },
      "workdir": {
        "title": "Working directory",
        "type": "string",
        "description": "Working directory inside the image. Empty selects the run directory of the member.",
        "default": "",
        "maxLength": 255,
        "pattern": "^(\\.?|\\.?[^./\\x00-\\x1f\\x7f-\\x9f][^/\\x00-\\x1f\\x7f-\\x9f]*|\\.\\.[^/\\x00-\\x1f\\x7f-\\x9f]+)(/(\\.?|\\.?[^./\\x00-\\x1f\\x7f-\\x9f][^/\\x00-\\x1f\\x7f-\\x9f]*|\\.\\.[^/\\x00-\\x1f\\x7f-\\x9f]+))*$"
      }
    },
    "closed": true
  },
  "StartInput": {
    "type": "object",
    "description": "Request to start a task: values that replace those of the task in the new run and in its retries. The task does not change.",
    "properties": {
      "epochs": {
        "title": "Epochs",
        "type": "integer",
        "description": "Number of training rounds.",
        "minimum": 1,
        "maximum": 100000
      },
      "parameters": {
        "title": "Parameters",
        "type": "object",
        "description": "Values of parameters that the template declares, by name.",
        "default": {},
        "maxProperties": 64,
        "values": {
          "type": "string",
          "description": "Value of a parameter, as text.",
          "maxLength": 1024,
          "pattern": "^[^\\x00]*$"
        },
        "names": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"
      }
    },
    "closed": true
  }
};
