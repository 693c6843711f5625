//! Limits for the content of requests. `validation` enforces them, and the API document contains
//! them.
//!
//! Lengths of texts are in characters, as in JSON Schema. Patterns are regular expressions of
//! ECMA-262 without look-around, so that every client generator supports them; a test of the API
//! compares each with its check.

/// Fewest characters of a template's or a task's name: one character can be a word in Chinese or
/// Japanese.
pub const NAME_CHARS_MIN: usize = 1;
/// Most characters of a template's or a task's name.
pub const NAME_CHARS_MAX: usize = 50;
/// No control character, `/`, `\` or `..`; no white space at either end.
pub const NAME_PATTERN: &str = concat!(
    r"^(\.|\.?[^.\s/\\\x00-\x1f\x7f-\x9f]|[^.\s/\\\x00-\x1f\x7f-\x9f]\.|",
    r"([^.\s/\\\x00-\x1f\x7f-\x9f]|\.[^./\\\x00-\x1f\x7f-\x9f])",
    r"(\.?[^./\\\x00-\x1f\x7f-\x9f])*",
    r"\.?([^.\s/\\\x00-\x1f\x7f-\x9f]|[^./\\\x00-\x1f\x7f-\x9f]\.)",
    r"|\.[^./\\\x00-\x1f\x7f-\x9f]\.",
    r")$"
);
/// Most characters of a remark.
pub const REMARK_CHARS_MAX: usize = 500;
/// No control character other than line breaks and tabs.
pub const REMARK_PATTERN: &str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";

/// Most characters of an image reference.
pub const IMAGE_CHARS_MAX: usize = 255;
/// Neither white space nor control characters.
pub const IMAGE_PATTERN: &str = r"^[^\s\x00-\x1f\x7f-\x9f]+$";
/// Most characters of a working directory.
pub const WORKDIR_CHARS_MAX: usize = 255;
/// No control character, and no part that is `..`.
pub const WORKDIR_PATTERN: &str = concat!(
    r"^(\.?|\.?[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*|\.\.[^/\x00-\x1f\x7f-\x9f]+)",
    r"(/(\.?|\.?[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*|\.\.[^/\x00-\x1f\x7f-\x9f]+))*$"
);
/// Most entries of a command: the program and its arguments.
pub const COMMAND_ITEMS_MAX: usize = 256;
/// Most characters of an argument, or of the value of an environment variable.
pub const ARGUMENT_CHARS_MAX: usize = 8 * 1024;
/// No NUL.
pub const ARGUMENT_PATTERN: &str = r"^[^\x00]*$";
/// No NUL, and not white space alone.
pub const PROGRAM_PATTERN: &str = r"^[^\x00]*[^\s\x00][^\x00]*$";
/// Most environment variables of a template.
pub const ENV_ITEMS_MAX: usize = 128;
/// Letters, digits and `_`, not starting with a digit.
pub const ENV_NAME_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";
/// Most parameters that a template declares.
pub const PARAMETERS_MAX: usize = 64;
/// Letters, digits, `_` and `-`, starting with a letter.
pub const PARAMETER_NAME_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_-]{0,62}$";
/// Most characters of a parameter's value.
pub const PARAMETER_CHARS_MAX: usize = 1024;
/// Most accepted values that a parameter lists.
pub const PARAMETER_ENUM_MAX: usize = 256;
/// Most characters of a parameter's description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// Most processor time that a member can request, in thousandths of a core.
pub const CPU_MILLIS_MAX: u32 = 1_024_000;
/// Most memory that a member can request, in MiB.
pub const MEMORY_MIB_MAX: u32 = 16 * 1024 * 1024;
/// Largest runtime limit of a workload, in seconds: one year.
pub const RUNTIME_S_MAX: u64 = 31_536_000;
/// Default runtime limit of a workload, in seconds.
pub const RUNTIME_S_DEFAULT: u64 = 86_400;
/// Longest grace period of a workload, in seconds.
pub const GRACE_S_MAX: u64 = 600;
/// Default grace period of a workload, in seconds.
pub const GRACE_S_DEFAULT: u64 = 10;

/// Most labels of a task.
pub const LABELS_MAX: usize = 32;
/// Most characters of a label's value, and of its name after the prefix.
pub const LABEL_TEXT_CHARS_MAX: usize = 63;
/// Most characters of the prefix of a label's name.
pub const LABEL_PREFIX_CHARS_MAX: usize = 253;
/// Most characters of a label's name with its prefix.
pub const LABEL_NAME_CHARS_MAX: usize = LABEL_PREFIX_CHARS_MAX + 1 + LABEL_TEXT_CHARS_MAX;
/// A name, with an optional DNS domain in front of it, as in Kubernetes.
pub const LABEL_NAME_PATTERN: &str = concat!(
    r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*/)?",
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
);
/// Empty, or letters, digits, `-`, `_` and `.` between two letters or digits.
pub const LABEL_VALUE_PATTERN: &str = "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$";

/// Most rounds of training.
pub const EPOCHS_MAX: u32 = 100_000;
/// Most members of a task.
pub const MEMBERS_MAX: usize = 1_000;
/// Most retries of a run.
pub const RETRIES_MAX: u32 = 10;
/// Longest start deadline, in seconds: one day.
pub const START_DEADLINE_S_MAX: u64 = 86_400;
/// Longest other deadline of a task, in seconds: 30 days.
pub const DEADLINE_S_MAX: u64 = 30 * 86_400;
