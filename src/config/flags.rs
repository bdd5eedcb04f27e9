//! Settings as command-line flags.

use super::{SETTINGS, Scope, Setting};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::marker::PhantomData;

/// The heading of the options that every command has, in its help.
pub(crate) const GLOBAL_OPTIONS: &str = "Global options";

impl Setting {
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.key).long(self.flag()).help(self.arg_help());
        let arg = match self.scope {
            Scope::Every => arg.global(true).help_heading(GLOBAL_OPTIONS),
            Scope::Serve => arg,
        };
        // Short for use by hand: --strict-upstream, --database.
        let short = self.key.strip_prefix("compat.").or_else(|| self.key.strip_suffix(".url"));
        let arg = match short {
            Some(short) => arg.visible_alias(short.replace('_', "-")),
            None => arg,
        };
        match self.value_name {
            Some(name) => arg.value_name(name),
            None => arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("BOOL"),
        }
    }

    fn arg_help(&self) -> String {
        let default = self.default().map(|default| format!(", default: {default}")).unwrap_or_default();
        let bounds = self.bounds().map(|bounds| format!(", from {bounds}")).unwrap_or_default();
        format!("{} [env: {}{default}{bounds}]", self.help, self.env())
    }
}

/// The flags of one scope, as given on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Flags<S> {
    /// The keys of the settings with their values.
    pub(super) given: Vec<(&'static str, String)>,
    scope: PhantomData<S>,
}

/// A [`Scope`] as a type.
pub(crate) trait InScope {
    /// The scope.
    const SCOPE: Scope;
}

/// [`Scope::Every`].
#[derive(Clone, Debug)]
pub(crate) struct EveryCommand;

/// [`Scope::Serve`].
#[derive(Clone, Debug)]
pub(crate) struct ServeCommand;

impl InScope for EveryCommand {
    const SCOPE: Scope = Scope::Every;
}

impl InScope for ServeCommand {
    const SCOPE: Scope = Scope::Serve;
}

#[cfg(test)]
impl<S> Flags<S> {
    pub(super) fn new(given: &[(&'static str, &str)]) -> Flags<S> {
        let given = given.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Flags { given, scope: PhantomData }
    }
}

fn in_scope<S: InScope>() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.scope == S::SCOPE)
}

impl<S: InScope> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags<S>, clap::Error> {
        let given = |setting: &'static Setting| {
            let value = matches.get_one::<String>(setting.key);
            value.map(|value| (setting.key, value.clone()))
        };
        Ok(Flags { given: in_scope::<S>().filter_map(given).collect(), scope: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<S: InScope> Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        command.args(in_scope::<S>().map(Setting::arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
