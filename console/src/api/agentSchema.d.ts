// Generated from docs/openapi-agent.json by `npm run types`. Do not edit.
export interface paths {
    "/api/v2/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow the changes
         * @description A stream of server-sent events without ids. It begins with `party`. Then it has `member` for each
         *     member that has changed, `removed` for each of which the agent keeps no record any more, and `party`
         *     after them; of several changes within half a second it has the last. `lost` means that the
         *     client did not read fast enough: it must read the lists again, as after a reconnect. The stream
         *     ends after half an hour.
         */
        get: operations["follow_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the members
         * @description Those that have not ended, then the others, each the newest first.
         */
        get: operations["list_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a member
         * @description The member with its spec and its use of the disk.
         */
        get: operations["get_member"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members/{run}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve a member for one start
         * @description The approval is for the spec and the meaning of its image and dataset that the request names.
         */
        post: operations["approve_member"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members/{run}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deny the approval of a member
         * @description The member is refused. The hub shows the reason to its users and does not retry the run.
         */
        post: operations["deny_member"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members/{run}/log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the log of a member
         * @description The log as the workload wrote it, with all control characters.
         */
        get: operations["get_member_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/members/{run}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a member
         * @description The hub cannot start it again. A member that is ending or has ended stays as it is.
         */
        post: operations["stop_member"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/party": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the party
         * @description State of the agent, and the configuration in force: images and datasets with their meanings,
         *     limits, released outputs. Secrets are not part of it.
         */
        get: operations["get_party"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Approval of a member for one start. */
        Approval: {
            /** @description `digest` of the member that the administrator has seen. */
            digest: components["schemas"]["Digest"];
            /** @description `resolution` of the member that the administrator has seen. */
            resolution: components["schemas"]["Digest"];
        };
        /** @description Connection of a party's agent. */
        Contact: {
            since?: components["schemas"]["DateTime"] | null;
            /** @description Connection state. */
            state: components["schemas"]["ContactState"];
        };
        /**
         * @description Connection state of a party's agent.
         * @enum {string}
         */
        ContactState: "connected" | "away";
        /**
         * Format: int32
         * @description Processor time, in thousandths of a core; 0 requests none.
         * @default 0
         */
        CpuMillis: number;
        /**
         * @description Name under which a party offers data: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example digits
         */
        DatasetName: string;
        /**
         * Format: date-time
         * @description Time as RFC 3339 in UTC.
         */
        DateTime: string;
        /** @description Denial of an approval. */
        Denial: {
            /** @description Reason for the users of the hub. The agent sends its first 500 characters. */
            reason?: string | null;
        };
        /**
         * @description Phase that the hub wants a member to reach.
         * @enum {string}
         */
        DesiredPhase: "admitted" | "reserved" | "running" | "stopped";
        /** @description SHA-256 of canonical bytes, in lower-case hexadecimal. */
        Digest: string;
        /** @description Disk of the data directory. */
        DiskSpace: {
            /**
             * Format: int64
             * @description Bytes that the agent can still write.
             */
            free_bytes: number;
            /**
             * Format: int64
             * @description Size of the journal, in bytes.
             */
            journal_bytes: number;
            /** @description Data directory. */
            path: string;
            /**
             * Format: int64
             * @description Size of the file system, in bytes.
             */
            total_bytes: number;
        };
        /** @description Every answer */
        Envelope_LogLines: {
            /** @description Lines of a log, oldest first */
            data: {
                logs: string[];
            };
            /**
             * Format: int32
             * @description 0 = success; the codes are in docs/errors.md
             */
            ret_code: number;
            /** @description `success`, or the cause */
            ret_msg: string;
        };
        /** @description Every answer */
        Envelope_Task: {
            /** @description A task with its newest run at this party */
            data: {
                /** @description Only the hub knows it: null */
                create_time?: string | null;
                /**
                 * Format: int32
                 * @description Status of the exited program
                 */
                exit_code?: number | null;
                /** @description This party and its dataset */
                federate_data: components["schemas"]["FederateData"][];
                /** @description The other spelling of `federate_data` */
                federate_datas: components["schemas"]["FederateData"][];
                /** @description Time at which the member ended */
                modify_time?: string | null;
                name: string;
                /** @description Only the hub knows it: null */
                party_status?: string[] | null;
                /** @description Phase of the member, as `flow-federate list` shows it */
                phase: string;
                /** @description Cause of the phase */
                reason?: string | null;
                /** @description Only the hub knows it: null */
                remark?: string | null;
                /** @description Id of the newest run */
                run_id: string;
                /**
                 * Format: int32
                 * @description Number of that run in the task
                 */
                run_number: number;
                /** @description Started, Pending, Running, Succeeded, Failed or Cancelled: the state of this party's member */
                status: string;
                task_id: string;
                /** @description Only the hub knows it: null */
                template_id?: string | null;
            };
            /**
             * Format: int32
             * @description 0 = success; the codes are in docs/errors.md
             */
            ret_code: number;
            /** @description `success`, or the cause */
            ret_msg: string;
        };
        /** @description Every answer */
        Envelope_TaskList: {
            /** @description One page of tasks */
            data: {
                task_count: number;
                tasks: components["schemas"]["Task"][];
            };
            /**
             * Format: int32
             * @description 0 = success; the codes are in docs/errors.md
             */
            ret_code: number;
            /** @description `success`, or the cause */
            ret_msg: string;
        };
        /**
         * @description Kind of failure.
         * @enum {string}
         */
        ErrorCode: "malformed" | "invalid" | "cursor_invalid" | "unauthenticated" | "forbidden" | "rate_limited" | "cross_site" | "setup_done" | "setup_required" | "quota_exceeded" | "user_exists" | "user_not_found" | "last_admin" | "token_not_found" | "session_not_found" | "project_exists" | "project_not_found" | "project_not_empty" | "project_protected" | "project_member_not_found" | "offer_not_found" | "route_not_found" | "method_not_allowed" | "unsupported_media_type" | "too_large" | "precondition_failed" | "idempotency_key_reused" | "busy" | "store_unavailable" | "request_timeout" | "store_full" | "internal" | "party_exists" | "party_not_found" | "template_not_found" | "template_name_taken" | "template_in_use" | "revision_not_found" | "task_not_found" | "task_name_taken" | "task_name_empty" | "task_active" | "task_not_active" | "run_not_found" | "member_not_found" | "party_active" | "orphan_not_found" | "log_unavailable" | "log_refused" | "log_not_found" | "output_refused" | "output_not_found" | "output_unavailable" | "range_not_satisfiable" | "agent_outdated" | "approval_outdated" | "approval_not_pending" | "provider_not_found" | "provider_unavailable" | "sign_in_failed" | "identity_linked" | "user_code_not_found" | "authorization_pending" | "slow_down" | "expired_token" | "access_denied" | "invalid_grant" | "webhook_not_found" | "webhook_name_taken" | "webhook_limit" | "webhook_disabled" | "delivery_not_found" | "events_expired" | "hub_unavailable";
        /** @description End of a workload. Times are from the clock of the party. */
        Exit: {
            /**
             * Format: int32
             * @description Exit status, if the workload exited.
             */
            code?: number | null;
            /** @description When the workload ended. */
            finished_at: components["schemas"]["DateTime"];
            /**
             * @description Last lines that a failed workload printed, oldest first, with control characters escaped. At
             *     most 10 lines of 200 characters. Absent if the party does not disclose logs.
             */
            last_lines?: string[];
            reason?: components["schemas"]["Reason"] | null;
            /**
             * Format: int32
             * @description Signal number, if a signal ended the workload.
             */
            signal?: number | null;
            /** @description When the workload was started. */
            started_at: components["schemas"]["DateTime"];
        };
        /** @description A party of a task with its data */
        FederateData: {
            /** @description Name of the dataset; empty if it has none, or after the end of the member */
            federated_data: string;
            federated_id: string;
        };
        /** @description Progress of one party, as the aggregator's framework reports it. */
        FederationProgress: {
            /** @description The party has reported to the aggregator that it is done. */
            complete: boolean;
            /**
             * Format: int32
             * @description Epoch in progress.
             */
            current_epoch: number;
            /** @description The party has registered and asked to begin. */
            ready: boolean;
            /**
             * Format: int32
             * @description Number of epochs with which the aggregator was started.
             */
            total_epoch: number;
        };
        /**
         * @description Kind of mistake in a field.
         * @enum {string}
         */
        FieldCode: "required" | "unknown" | "duplicate" | "too_short" | "too_long" | "out_of_range" | "wrong_type" | "pattern" | "not_allowed" | "reserved" | "unsupported";
        /** @description One invalid field of a request. */
        FieldProblem: {
            /** @description Kind of mistake, for programs. */
            code: components["schemas"]["FieldCode"];
            /** @description Description of the mistake, with the valid values. */
            message: string;
            /**
             * @description JSON pointer into the body, `?name` for a query parameter, or the name of a header.
             * @example /members/1/party
             */
            pointer: string;
        };
        /** @description Days for which a party keeps files of ended members; 0: until its administrator deletes them. */
        FileRetention: {
            /**
             * Format: int32
             * @description Days for logs.
             */
            log_days: number;
            /**
             * Format: int32
             * @description Free space, in MiB, below which the agent refuses reservations; 0: never.
             */
            min_free_mib: number;
            /**
             * Format: int32
             * @description Free share of the disk, in percent, below which the agent warns; 0: never.
             */
            min_free_percent: number;
            /**
             * Format: int32
             * @description Days for outputs.
             */
            output_days: number;
            /**
             * Format: int32
             * @description Days for working directories.
             */
            scratch_days: number;
        };
        /**
         * @description Id of a task, run, template or agent instance: 32 lower-case hexadecimal digits.
         * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
         */
        Id: string;
        /**
         * @description Use of an image that a party allows.
         * @enum {string}
         */
        ImageUse: "yes" | "no" | "ask";
        /** @description Lines of a log, oldest first */
        LogLines: {
            logs: string[];
        };
        /** @description Result of a change of a member. */
        MemberChanged: {
            /** @description The member after the change. */
            member: components["schemas"]["PartyMember"];
            /** @description Sentence for people. */
            message: string;
        };
        /**
         * @description Last reported phase of a member.
         * @enum {string}
         */
        MemberPhase: "pending" | "waiting_approval" | "refused" | "admitted" | "reserved" | "starting" | "running" | "succeeded" | "failed" | "stopped";
        /** @description Progress of one member. */
        MemberProgress: {
            /**
             * Format: int32
             * @description Epoch in progress. `null` if the framework does not report it.
             */
            epoch?: number | null;
            /**
             * Format: int32
             * @description Number of epochs of the run.
             */
            epochs?: number | null;
            /** @description Latest value of each metric. `null` is a value that is not a finite number. */
            metrics: {
                [key: string]: number | null;
            };
            /** @description Progress of every party, as the aggregator reports it. Absent for other members. */
            parties?: {
                [key: string]: components["schemas"]["FederationProgress"];
            };
        };
        /** @description A member of which the agent keeps no record any more. */
        MemberRemoved: {
            /** @description Id of the run. */
            run: components["schemas"]["Id"];
        };
        /**
         * Format: int32
         * @description Memory, in MiB; 0 requests none.
         * @default 0
         */
        MemoryMib: number;
        /**
         * @description A rule that releases outputs: those of members with this image and this dataset, to readers of
         *     these projects. An absent field matches everything.
         */
        OutputRelease: {
            dataset?: components["schemas"]["DatasetName"] | null;
            /** @description Name of the image. */
            image?: string | null;
            /** @description Names of the projects. */
            projects?: string[] | null;
        };
        /** @description One page of a list. */
        Page_PartyMember: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["PartyMember"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /**
         * Format: int32
         * @description Largest number of items of a page.
         * @default 50
         */
        PageLimit: number;
        /** @description Configuration of a party that decides what its members may do. Without secrets. */
        PartyConfiguration: {
            /** @description Datasets by name. */
            datasets: components["schemas"]["PartyDataset"][];
            /** @description The hub may read logs. */
            discloses_logs: boolean;
            /** @description The hub gets the names of images and datasets. */
            discloses_names: boolean;
            /**
             * Format: int64
             * @description Time in seconds without the hub after which a reservation expires.
             */
            hold_max_s: number;
            /** @description Images by name. */
            images: components["schemas"]["PartyImage"][];
            /**
             * Format: int64
             * @description Bytes of a log that the hub gets for one request. Absent: no limit.
             */
            log_bytes_max?: number | null;
            /**
             * Format: int64
             * @description Largest number of members that have not settled.
             */
            members_max: number;
            /** @description Addresses that workloads may dial. Absent: only this machine. */
            peers?: string[] | null;
            /** @description Rules by which outputs may leave the party. Without rules none leaves it. */
            releases: components["schemas"]["OutputRelease"][];
            /** @description Retention of the files of ended members. */
            retention: components["schemas"]["FileRetention"];
        };
        /** @description A dataset of a party. */
        PartyDataset: {
            /** @description Meaning of the name at the party: a directory, or a volume or image as JSON. */
            meaning: string;
            /** @description Name that tasks use. */
            name: components["schemas"]["DatasetName"];
            /** @description Path by which clients of `/api/v1` name the dataset. */
            v1_path?: string | null;
        };
        /** @description Server-sent events of an agent. `event` is `member` with a `PartyMember` as `data`, `removed` with a `MemberRemoved`, `party` with a `PartyState`, or `lost` with an empty object. */
        PartyEventStream: string;
        /** @description An image of a party. */
        PartyImage: {
            /** @description Use that the party allows. */
            allow: components["schemas"]["ImageUse"];
            /** @description Names of environment variables that a template may set. */
            env: string[];
            /** @description Meaning of the name at the party: a directory, or a container image with its settings as JSON. */
            meaning: string;
            /** @description Name that templates use. */
            name: string;
        };
        /** @description A member at its own party. */
        PartyMember: {
            /** @description The member is approved and has not started. */
            approved: boolean;
            /**
             * Format: int32
             * @description Number of the reservation round.
             */
            attempt: number;
            dataset?: components["schemas"]["DatasetName"] | null;
            /** @description Phase that the hub wants. */
            desired: components["schemas"]["DesiredPhase"];
            digest?: components["schemas"]["Digest"] | null;
            ending?: components["schemas"]["MemberPhase"] | null;
            exit?: components["schemas"]["Exit"] | null;
            finished_at?: components["schemas"]["DateTime"] | null;
            /** @description Name of the image. The agent keeps it until the member has settled. */
            image?: string | null;
            /** @description Phase of the member. */
            phase: components["schemas"]["MemberPhase"];
            progress?: components["schemas"]["MemberProgress"] | null;
            reason?: components["schemas"]["Reason"] | null;
            resolution?: components["schemas"]["Digest"] | null;
            /** @description Resources that the member requests. */
            resources: components["schemas"]["Resources"];
            role?: components["schemas"]["Role"] | null;
            /** @description Id of the run. */
            run: components["schemas"]["Id"];
            /**
             * Format: int32
             * @description Number of the run in its task. 0 if the hub did not send it.
             */
            run_number: number;
            /** @description The hub has stored the end of the member. */
            settled: boolean;
            /** @description The workload was started, so that there may be a log. */
            started: boolean;
            /** @description Id of the task. */
            task: components["schemas"]["Id"];
            /** @description Name of the task at the hub. Empty if the hub did not send it. */
            task_name: string;
            /**
             * @description The member waits for an approval of the party's administrator, who approves `digest` and
             *     `resolution`.
             */
            waits_for_approval: boolean;
        };
        /** @description A member at its own party, with its spec and its use of the disk. */
        PartyMemberDetails: {
            /**
             * Format: int64
             * @description Bytes of the member's directory on the disk: log, outputs, working directory. Absent if the
             *     agent has none, or the member runs as a Pod.
             */
            disk_bytes?: number | null;
            /** @description The member. */
            member: components["schemas"]["PartyMember"];
            /** @description Ports that are reserved for the member, by name. */
            ports: {
                [key: string]: number;
            };
            spec?: components["schemas"]["PartyMemberSpec"] | null;
        };
        /** @description Command, variables and parameters of a member. `${name}` in a command or variable is filled at the start. */
        PartyMemberSpec: {
            /** @description Program and its arguments. */
            command: string[];
            /**
             * @description Meaning of the dataset at the party. Absent without a dataset, or if the party does not
             *     declare it.
             */
            dataset_meaning?: string | null;
            /** @description Environment variables by name. */
            env: {
                [key: string]: string;
            };
            /**
             * Format: int32
             * @description Number of training rounds.
             */
            epochs: number;
            /** @description Meaning of the image at the party. Absent if the party does not declare the image. */
            image_meaning?: string | null;
            /**
             * Format: int64
             * @description Longest runtime, in seconds.
             */
            max_runtime_s: number;
            /** @description Parameters by name. */
            parameters: {
                [key: string]: string;
            };
            /** @description This party and the parties that it exchanges data with. */
            parties: components["schemas"]["SpecParty"][];
            /**
             * Format: int64
             * @description Grace period between SIGTERM and SIGKILL, in seconds.
             */
            stop_grace_s: number;
            /** @description Working directory in the image. Empty: the run directory of the member. */
            workdir: string;
        };
        /**
         * @description Name of a party: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example hospital-a
         */
        PartyName: string;
        /** @description State of an agent, as it changes. */
        PartyState: {
            /** @description Connection with the hub. */
            contact: components["schemas"]["Contact"];
            disk?: components["schemas"]["DiskSpace"] | null;
            /** @description The journal takes writes. If it does not, the agent takes no new work. */
            journal_writable: boolean;
            /**
             * @description Numbers of members whose end the hub has not stored yet, by phase. A phase without members is
             *     absent.
             * @example {
             *       "running": 2,
             *       "waiting_approval": 1
             *     }
             */
            members: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Number of reloads of the configuration since the agent started. Another number means that
             *     `configuration` of the party may have changed.
             */
            reloads: number;
            /** @description Resources of the members. */
            resources: components["schemas"]["ResourceUse"];
            /**
             * Format: int64
             * @description Sessions with the hub since the agent started.
             */
            sessions: number;
        };
        /** @description The party of an agent, the agent's state, and the configuration in force. */
        PartyView: {
            /** @description Configuration in force. */
            configuration: components["schemas"]["PartyConfiguration"];
            /** @description Address of the hub in the configuration. */
            hub: string;
            /** @description Identity of the agent's journal. */
            instance: components["schemas"]["Id"];
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
            /** @description Properties of the runtime by name, such as its kind. */
            runtime: {
                [key: string]: string;
            };
            /** @description When the agent started. */
            started_at: components["schemas"]["DateTime"];
            /** @description State of the agent. */
            state: components["schemas"]["PartyState"];
            /** @description Version of flow-federate. */
            version: string;
        };
        /**
         * @description Failure of a request (RFC 9457).
         * @example {
         *       "code": "task_not_found",
         *       "detail": "there is no task 0190f3a4b1c07e00a1b2c3d4e5f60718",
         *       "request_id": "0190f3a4e4f37e00a1b2c3d4e5f60718",
         *       "retryable": false,
         *       "status": 404,
         *       "title": "no task has this id or name",
         *       "type": "/docs#task_not_found"
         *     }
         */
        Problem: {
            /** @description Kind of failure, for programs. Codes do not change. */
            code: components["schemas"]["ErrorCode"];
            /** @description Description of this failure: the object, the cause and the next step. */
            detail: string;
            /** @description All invalid fields of the request. */
            fields?: components["schemas"]["FieldProblem"][];
            /** @description Number of invalid fields that `fields` leaves out. Absent if it lists all. */
            more_fields?: number | null;
            /** @description Id of the request in the log of the hub; the same as the header `X-Request-Id`. */
            request_id: string;
            /** @description The same request may succeed later without a change. */
            retryable: boolean;
            /**
             * Format: int32
             * @description HTTP status.
             * @example 404
             */
            status: number;
            /** @description Summary of the `code`; the same for every failure of this kind. */
            title: string;
            /**
             * @description Link to the description of the `code` in the table of errors.
             * @example /docs#task_not_found
             */
            type: string;
        };
        /** @description Reason for the phase of a member. */
        Reason: {
            /** @description Kind of reason, for programs. */
            code: components["schemas"]["ReasonCode"];
            /** @description Description for people: the cause and what to change. */
            message: string;
        };
        /**
         * @description Reason for the phase of a member.
         * @enum {string}
         */
        ReasonCode: "policy_denied" | "approval_required" | "approval_denied" | "image_unknown" | "image_unusable" | "dataset_unknown" | "dataset_unusable" | "spec_invalid" | "bindings_invalid" | "resources_exhausted" | "agent_disk_full" | "previous_run_stopping" | "hold_expired" | "spawn_failed" | "exit_nonzero" | "exit_signal" | "peer_lost" | "max_runtime_exceeded" | "sidecar_lost" | "agent_state_lost" | "port_taken" | "never_delivered" | "released" | "stop_requested" | "stopped_by_party" | "object_deleted" | "name_taken" | "pulling" | "unschedulable" | "runtime_error";
        /** @description Resources that each member requests. 0 requests none. */
        Resources: {
            /** @description Processor time, in thousandths of a core. */
            cpu_millis: components["schemas"]["CpuMillis"];
            /** @description Memory, in MiB. */
            memory_mib: components["schemas"]["MemoryMib"];
        };
        /** @description Resources of all members of a party. */
        ResourceUse: {
            /** @description Limit of all members together; 0: no limit. */
            total: components["schemas"]["Resources"];
            /** @description Requests of the members that hold or use resources. */
            used: components["schemas"]["Resources"];
        };
        /**
         * @description Role of a party in a task.
         * @enum {string}
         */
        Role: "aggregator" | "trainer";
        /** @description A party in the spec of a member. */
        SpecParty: {
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Role of the party. */
            role: components["schemas"]["Role"];
        };
        /**
         * Format: int32
         * @description Number of lines from the end of a log.
         */
        TailLines: number;
        /** @description A task with its newest run at this party */
        Task: {
            /** @description Only the hub knows it: null */
            create_time?: string | null;
            /**
             * Format: int32
             * @description Status of the exited program
             */
            exit_code?: number | null;
            /** @description This party and its dataset */
            federate_data: components["schemas"]["FederateData"][];
            /** @description The other spelling of `federate_data` */
            federate_datas: components["schemas"]["FederateData"][];
            /** @description Time at which the member ended */
            modify_time?: string | null;
            name: string;
            /** @description Only the hub knows it: null */
            party_status?: string[] | null;
            /** @description Phase of the member, as `flow-federate list` shows it */
            phase: string;
            /** @description Cause of the phase */
            reason?: string | null;
            /** @description Only the hub knows it: null */
            remark?: string | null;
            /** @description Id of the newest run */
            run_id: string;
            /**
             * Format: int32
             * @description Number of that run in the task
             */
            run_number: number;
            /** @description Started, Pending, Running, Succeeded, Failed or Cancelled: the state of this party's member */
            status: string;
            task_id: string;
            /** @description Only the hub knows it: null */
            template_id?: string | null;
        };
        /** @description One page of tasks */
        TaskList: {
            task_count: number;
            tasks: components["schemas"]["Task"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    follow_events: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stream of events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["PartyEventStream"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_members: {
        parameters: {
            query?: {
                /** @description `next` of the page before. Absent: the first page. */
                cursor?: string;
                /** @description Largest number of members of the page. */
                limit?: components["schemas"]["PageLimit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_PartyMember"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the run.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The member */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartyMemberDetails"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `member_not_found`: the party is not a member of this task or run */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    approve_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the run.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Approval"];
            };
        };
        responses: {
            /** @description The member is approved */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberChanged"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `member_not_found`: the party is not a member of this task or run */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `approval_not_pending`: the member waits for no approval; `approval_outdated`: the member is not the one that the approval names */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deny_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the run.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Denial"];
            };
        };
        responses: {
            /** @description The member is denied */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberChanged"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `member_not_found`: the party is not a member of this task or run */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `approval_not_pending`: the member waits for no approval; `approval_outdated`: the member is not the one that the approval names */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member_log: {
        parameters: {
            query?: {
                /** @description Continue with new lines until the member ends. */
                follow?: boolean;
                /**
                 * @description Return only the last lines. Without it the log starts with the oldest line that the agent
                 *     keeps.
                 */
                tail?: components["schemas"]["TailLines"];
            };
            header?: never;
            path: {
                /**
                 * @description Id of the run.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log, unchanged */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `member_not_found`: the party is not a member of this task or run; `log_not_found`: the party has no log of this member */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `log_unavailable`: the party cannot send the log at this time; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Id of the run.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The member is stopping, or has ended */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MemberChanged"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `member_not_found`: the party is not a member of this task or run */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_party: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The party */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartyView"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
