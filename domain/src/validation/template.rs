//! The rules for the content of templates.

use crate::error::{FieldCode, FieldErrors, pointer};
use crate::framework;
use crate::limits::{
    ARGUMENT_CHARS_MAX, COMMAND_ITEMS_MAX, CPU_MILLIS_MAX, DESCRIPTION_CHARS_MAX, ENV_ITEMS_MAX,
    GRACE_S_MAX, IMAGE_CHARS_MAX, MEMORY_MIB_MAX, PARAMETER_CHARS_MAX, PARAMETER_ENUM_MAX,
    PARAMETERS_MAX, RUNTIME_S_MAX, WORKDIR_CHARS_MAX,
};
use crate::template::{ParamSchema, ParamType, Resources, TemplateBody, is_workdir};
use crate::text::clip;
use crate::variables::{is_env_name, is_reserved};

impl TemplateBody {
    /// Checks the content.
    ///
    /// # Errors
    /// All errors, with pointers into the template.
    pub fn validate(&self) -> Result<(), FieldErrors> {
        let Self {
            framework: _,
            image,
            command,
            aggregator_command,
            workdir,
            env,
            parameters,
            resources: Resources { cpu_millis, memory_mib },
            max_runtime_s,
            stop_grace_s,
            requires_aggregator: _,
            requires_dataset: _,
        } = self;
        let mut errors = FieldErrors::default();
        errors.chars("/image", image, 1, IMAGE_CHARS_MAX);
        if image.chars().any(|c| c.is_control() || c.is_whitespace()) {
            errors.add(
                "/image",
                FieldCode::Pattern,
                "must be an image reference without white space and control characters",
            );
        }
        if command.is_empty() {
            errors.add(
                "/command",
                FieldCode::Required,
                "must contain the trainer's program and its arguments",
            );
        }
        check_command("/command", command, &mut errors);
        check_command("/aggregator_command", aggregator_command, &mut errors);
        if !is_workdir(workdir) {
            errors.add(
                "/workdir",
                FieldCode::Pattern,
                format!("must be a path of at most {WORKDIR_CHARS_MAX} characters without `..` and control characters"),
            );
        }
        check_count("/env", env.len(), ENV_ITEMS_MAX, &mut errors);
        for (name, value) in env {
            let path = pointer(&["env", name]);
            if !is_env_name(name) {
                errors.add(
                    &path,
                    FieldCode::Pattern,
                    "must be a name of letters, digits and `_`, not starting with a digit, of at most 128",
                );
            }
            if is_reserved(name) {
                errors.add(&path, FieldCode::Reserved, "is reserved: a template cannot set variables of the platform or the party, nor variables that make a program load code (FED_*, HOME, *_PROXY, LD_* and similar)");
            }
            check_text(&path, value, &mut errors);
        }
        check_count("/parameters", parameters.len(), PARAMETERS_MAX, &mut errors);
        for (name, schema) in parameters {
            if !is_parameter_name(name) {
                let accepted = "must be a name of letters, digits, `_` and `-`, starting with a letter, of at most 63";
                errors.add(pointer(&["parameters", name]), FieldCode::Pattern, accepted);
            }
            schema.check(name, &mut errors);
        }
        errors.range("/resources/cpu_millis", *cpu_millis, 0, CPU_MILLIS_MAX);
        errors.range("/resources/memory_mib", *memory_mib, 0, MEMORY_MIB_MAX);
        errors.range("/max_runtime_s", *max_runtime_s, 1, RUNTIME_S_MAX);
        errors.range("/stop_grace_s", *stop_grace_s, 0, GRACE_S_MAX);
        framework::check_template(self, &mut errors);
        errors.finish()
    }
}

fn check_count(path: &str, count: usize, max: usize, errors: &mut FieldErrors) {
    if count > max {
        errors.add(path, FieldCode::TooLong, format!("has {count} entries; the limit is {max}"));
    }
}

fn check_text(path: &str, text: &str, errors: &mut FieldErrors) {
    errors.chars(path, text, 0, ARGUMENT_CHARS_MAX);
    if text.contains('\0') {
        errors.add(
            path,
            FieldCode::Pattern,
            "contains a NUL, which is not possible in arguments and variables",
        );
    }
}

fn check_command(path: &str, command: &[String], errors: &mut FieldErrors) {
    check_count(path, command.len(), COMMAND_ITEMS_MAX, errors);
    if command.first().is_some_and(|program| program.trim().is_empty()) {
        errors.add(format!("{path}/0"), FieldCode::TooShort, "must be a program");
    }
    for (index, arg) in command.iter().enumerate() {
        check_text(&format!("{path}/{index}"), arg, errors);
    }
}

fn is_parameter_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// An error in one value.
type Problem = (FieldCode, String);

impl ParamSchema {
    /// Checks the value that a task gives.
    pub(crate) fn accepts(&self, value: &str) -> Result<(), Problem> {
        self.kind.accepts(value)?;
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return Err((
                FieldCode::NotAllowed,
                format!("must be one of {}", clip(&self.allowed.join(", "), 500)),
            ));
        }
        let outside = |bound: &Option<String>, wrong: std::cmp::Ordering| {
            bound.as_ref().is_some_and(|bound| self.kind.compare(value, bound) == Some(wrong))
        };
        if outside(&self.minimum, std::cmp::Ordering::Less)
            || outside(&self.maximum, std::cmp::Ordering::Greater)
        {
            let range = match (&self.minimum, &self.maximum) {
                (Some(min), Some(max)) => format!("{min} to {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, max) => format!("at most {}", max.as_deref().unwrap_or_default()),
            };
            return Err((
                FieldCode::OutOfRange,
                format!("is {} and must be {}", clip(value, 100), clip(&range, 250)),
            ));
        }
        Ok(())
    }

    /// Checks the declaration itself.
    fn check(&self, name: &str, errors: &mut FieldErrors) {
        let Self { kind, default, allowed, minimum, maximum, description } = self;
        let path = |part: &str| pointer(&["parameters", name, part]);
        let mut add = |path: String, checked: Result<(), Problem>| {
            if let Err((code, message)) = checked {
                errors.add(path, code, message);
            }
        };
        for (part, bound) in [("minimum", minimum), ("maximum", maximum)] {
            let Some(bound) = bound else { continue };
            if kind.is_numeric() {
                add(path(part), kind.accepts(bound));
            } else {
                add(
                    path(part),
                    Err((FieldCode::NotAllowed, format!("is not supported for the type {kind}"))),
                );
            }
        }
        if let (Some(min), Some(max)) = (minimum, maximum)
            && kind.compare(min, max) == Some(std::cmp::Ordering::Greater)
        {
            add(
                path("maximum"),
                Err((FieldCode::OutOfRange, format!("must not be below the minimum {min}"))),
            );
        }
        for (index, value) in allowed.iter().enumerate() {
            add(pointer(&["parameters", name, "enum", &index.to_string()]), kind.accepts(value));
        }
        if let Some(default) = default {
            add(path("default"), self.accepts(default));
        }
        check_count(&path("enum"), allowed.len(), PARAMETER_ENUM_MAX, errors);
        errors.chars(&path("description"), description, 0, DESCRIPTION_CHARS_MAX);
    }
}

impl ParamType {
    fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    fn accepts(self, value: &str) -> Result<(), Problem> {
        let wrong = |accepted: &str| Err((FieldCode::WrongType, format!("must be {accepted}")));
        if value.chars().count() > PARAMETER_CHARS_MAX {
            return Err((
                FieldCode::TooLong,
                format!("has more than {PARAMETER_CHARS_MAX} characters"),
            ));
        }
        match self {
            Self::String if value.contains('\0') => Err((
                FieldCode::Pattern,
                "contains a NUL, which is not possible in arguments and variables".to_owned(),
            )),
            Self::String => Ok(()),
            Self::Integer => value
                .parse::<i64>()
                .map_or_else(|_| wrong("a whole number, such as 10"), |_| Ok(())),
            Self::Number => number(value)
                .map_or_else(|| wrong("a decimal number, such as 0.5 or 1e-3"), |_| Ok(())),
            Self::Boolean if value == "true" || value == "false" => Ok(()),
            Self::Boolean => wrong("true or false"),
        }
    }

    /// Compares two numbers of this type; `None` if they are not numbers.
    fn compare(self, a: &str, b: &str) -> Option<std::cmp::Ordering> {
        match self {
            Self::Integer => Some(a.parse::<i64>().ok()?.cmp(&b.parse().ok()?)),
            Self::Number => number(a)?.partial_cmp(&number(b)?),
            Self::String | Self::Boolean => None,
        }
    }
}

/// Parses digits, sign, point and exponent only: Rust's parser also accepts `inf` and `nan`.
fn number(text: &str) -> Option<f64> {
    let plain =
        text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}
