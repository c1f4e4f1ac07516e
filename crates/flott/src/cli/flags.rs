//! The flags of every job, whether it is started by itself or by `flott run`. What is not a flag of Flott's is the
//! job's own and left to it.

use super::config_file;
use flott_core::config::{
    CHECKPOINTING_INTERVAL, CHECKPOINTS_DIRECTORY, IGNORE_UNCLAIMED_STATE, LOG_LEVEL, METRICS_PROMETHEUS_PORT,
    PARALLELISM_DEFAULT, RECOVERY_PATH,
};
use flott_core::{Configuration, Error, Result};

/// What `--help` says of them.
pub const USAGE: &str = "\
Options of every Flott job:
  -p, --parallelism N          subtasks of operators that do not set their own number
  -s, --from latest|PATH       start from the newest checkpoint of this job in the checkpoint folder
                               (from nothing if there is none), or from the checkpoint at PATH
      --checkpoint-dir DIR     where checkpoints are kept
      --checkpoint-interval T  time between checkpoints, such as `10 s`
  -n, --allow-non-restored-state
                               start although the checkpoint has state of operators that the job no longer has
  -D KEY=VALUE                 any option of the configuration, with Flink's keys
      --config FILE            a config.yaml; FLOTT_CONF_DIR/config.yaml when not given
      --metrics-port PORT      serve metrics for Prometheus on 127.0.0.1:PORT
      --log-level LEVEL        error, warn, info, debug or trace
  -h, --help                   this text
";

/// Flags that take a value, and the option that each sets.
const VALUED: [(&[&str], &str); 6] = [
    (&["-p", "--parallelism"], PARALLELISM_DEFAULT.key),
    (&["-s", "--from", "--fromSavepoint"], RECOVERY_PATH.key),
    (&["--checkpoint-dir"], CHECKPOINTS_DIRECTORY.key),
    (&["--checkpoint-interval"], CHECKPOINTING_INTERVAL.key),
    (&["--metrics-port"], METRICS_PROMETHEUS_PORT.key),
    (&["--log-level"], LOG_LEVEL.key),
];

const ALLOW_NON_RESTORED_STATE: [&str; 3] = ["-n", "--allow-non-restored-state", "--allowNonRestoredState"];

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// What Flott's flags set, over what the configuration file does.
    pub config: Configuration,
    /// Everything that is not a flag of Flott's, in order.
    pub rest: Vec<String>,
    /// Whether help was asked for.
    pub help: bool,
}

impl Flags {
    /// Reads arguments, without the program's name.
    ///
    /// # Errors
    /// `Invalid` for a flag without its value, a `-D` without `=`, or a configuration file that cannot be read.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Flags> {
        let mut flags = Flags::default();
        let mut file = None;
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, attached) = match arg.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (arg.clone(), None),
            };
            let mut value = |what: &str| {
                attached
                    .clone()
                    .or_else(|| args.next())
                    .ok_or_else(|| Error::invalid(format!("`{what}` needs a value; see --help")))
            };
            if let Some((_, key)) = VALUED.iter().find(|(names, _)| names.contains(&name.as_str())) {
                let value = value(&name)?;
                flags.config.set(*key, value);
            } else if ALLOW_NON_RESTORED_STATE.contains(&name.as_str()) {
                flags.config.set(IGNORE_UNCLAIMED_STATE.key, "true");
            } else if name == "--config" {
                file = Some(value(&name)?);
            } else if name == "-h" || name == "--help" {
                flags.help = true;
            } else if let Some(setting) = arg.strip_prefix("-D") {
                let setting = if setting.is_empty() { value("-D")? } else { setting.to_owned() };
                let (key, value) = setting
                    .split_once('=')
                    .ok_or_else(|| Error::invalid(format!("`-D {setting}` sets nothing; write -D key=value")))?;
                flags.config.set(key.trim(), value.trim());
            } else if arg == "--" {
                flags.rest.extend(args.by_ref());
            } else {
                flags.rest.push(arg);
            }
        }
        let mut config = config_file::load(file.as_deref())?;
        config.merge(&flags.config);
        flags.config = config;
        Ok(flags)
    }
}

/// How many arguments the option that starts with `argument` takes up; none when it is not one of Flott's.
pub(super) fn length(argument: &str) -> Option<usize> {
    let name = match argument.split_once('=') {
        Some((name, _)) if name.starts_with("--") => name,
        _ => argument,
    };
    if name == "-D" || name == "--config" || VALUED.iter().any(|(names, _)| names.contains(&name)) {
        Some(if name == argument { 2 } else { 1 })
    } else {
        (ALLOW_NON_RESTORED_STATE.contains(&name) || name.starts_with("-D")).then_some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Flags> {
        Flags::parse(args.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn flags_are_taken_and_the_rest_is_left() {
        let flags = parse(&[
            "--input",
            "a.txt",
            "-p",
            "4",
            "--from=latest",
            "-Dexecution.checkpointing.mode=AT_LEAST_ONCE",
            "-D",
            "x=y",
        ])
        .unwrap();
        assert_eq!(flags.rest, ["--input", "a.txt"]);
        assert_eq!(flags.config.raw("parallelism.default"), Some("4"));
        assert_eq!(flags.config.raw("execution.state-recovery.path"), Some("latest"));
        assert_eq!(flags.config.raw("execution.checkpointing.mode"), Some("AT_LEAST_ONCE"));
        assert_eq!(flags.config.raw("x"), Some("y"));
    }

    #[test]
    fn a_flag_without_its_value_says_so() {
        assert!(parse(&["--parallelism"]).unwrap_err().to_string().contains("`--parallelism` needs a value"));
        assert!(parse(&["-D", "novalue"]).unwrap_err().to_string().contains("key=value"));
    }
}
