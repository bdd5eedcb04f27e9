//! Settings from the configuration file, the environment and flags, and other input of an operator.
#![no_main]

use carnelian::{
    CliError,
    cli::{Cli, parse_duration},
    config::{SETTINGS, Setting, Settings},
    master_key,
};
use clap::Parser;
use libfuzzer_sys::fuzz_target;
use std::{ffi::OsString, path::Path};

// One byte chooses what the others are.
fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match choice.checked_sub(b'a').map(usize::from) {
        Some(index) if index < SETTINGS.len() => value(&SETTINGS[index], text),
        Some(_) => file(text),
        None => typed(text),
    }
});

/// A file is refused by its name, or what it sets can be shown and set again.
fn file(text: &str) {
    let mut settings = Settings::default();
    match settings.read_toml(text, Path::new("carnelian.toml")) {
        Ok(()) => shown_again(&settings),
        Err(error) => assert!(message(&error).starts_with("carnelian.toml: ")),
    }
}

/// A value means the same in the file, in the environment and as a flag.
fn value(setting: &Setting, text: &str) {
    if text.contains('\0') {
        return;
    }
    let mut from_file = Settings::default();
    let from_file = from_file.read_toml(&line(setting, text), Path::new("x")).map(|()| from_file);
    let from_env = settings(&[], vec![(setting.env().into(), text.into())]);
    let from_flag = settings(&[format!("--{}={text}", setting.flag())], Vec::new());
    let values = |settings: &Result<Settings, CliError>| settings.as_ref().ok().map(values);
    assert_eq!(values(&from_file), values(&from_env));
    assert_eq!(values(&from_file), values(&from_flag));
    match from_file {
        Ok(settings) => shown_again(&settings),
        Err(error) => assert!(message(&error).contains(setting.key)),
    }
}

fn settings(flags: &[String], env: Vec<(OsString, OsString)>) -> Result<Settings, CliError> {
    let line = ["carnelian", "serve"].into_iter().chain(flags.iter().map(String::as_str));
    let cli = Cli::try_parse_from(line).map_err(|error| CliError::Usage(error.to_string()))?;
    carnelian::settings(&cli, env)
}

fn shown_again(settings: &Settings) {
    let shown = |setting: &Setting| setting.shown(settings).map(|text| line(setting, &text));
    let file: String = SETTINGS.iter().filter_map(shown).collect();
    let mut again = Settings::default();
    again.read_toml(&file, Path::new("x")).expect("values as they are shown");
    assert_eq!(values(&again), values(settings));
}

/// The values of all settings, wherever they are from.
fn values(settings: &Settings) -> Vec<Option<String>> {
    SETTINGS.iter().map(|setting| setting.shown(settings)).collect()
}

/// The line of a file that sets this, with every character escaped.
fn line(setting: &Setting, text: &str) -> String {
    let escaped: String = text.chars().map(|character| format!("\\U{:08X}", u32::from(character))).collect();
    format!("{} = \"{escaped}\"\n", setting.key)
}

/// Any command line is parsed or refused; durations and master keys mean what they say.
fn typed(text: &str) {
    drop(Cli::try_parse_from(["carnelian"].into_iter().chain(text.split('\n'))));
    if let Ok(seconds) = parse_duration(text) {
        let (number, unit) = text.split_at(text.len() - 1);
        let length = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => panic!("{unit:?} is no unit"),
        };
        assert!(number.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(number.parse::<u128>().map(|number| number * length), Ok(seconds.into()));
        assert!(seconds > 0);
    }
    if let Some(key) = master_key::parse(text) {
        let digits = data_encoding::HEXLOWER.encode(key.as_bytes());
        assert_eq!(text.trim().strip_suffix(&digits), Some("carnelian-master-key-1:"));
    }
}

fn message(error: &CliError) -> &str {
    match error {
        CliError::Failed(message) | CliError::Usage(message) => message,
        CliError::StdoutClosed => panic!("settings are not printed"),
    }
}
