//! What a check has found.

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// All is well.
    Success(String),
    /// Something to look at, and what to do.
    Warning(String, String),
    /// Something is wrong, and what to do.
    Failure(String, String),
    /// The check was not made, with the reason.
    Skipped(String),
}

impl Finding {
    pub(super) fn success(what: impl Into<String>) -> Finding {
        Finding::Success(what.into())
    }

    pub(super) fn warning(what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::Warning(what.into(), advice.into())
    }

    pub(super) fn failure(what: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding::Failure(what.into(), advice.into())
    }

    /// Its name in the output.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Finding::Success(_) => "success",
            Finding::Warning(..) => "warning",
            Finding::Failure(..) => "failure",
            Finding::Skipped(_) => "skipped",
        }
    }

    /// What was found.
    pub(crate) fn what(&self) -> &str {
        match self {
            Finding::Success(what) | Finding::Warning(what, _) | Finding::Failure(what, _) | Finding::Skipped(what) => {
                what
            }
        }
    }

    /// What to do.
    pub(crate) fn advice(&self) -> Option<&str> {
        match self {
            Finding::Warning(_, advice) | Finding::Failure(_, advice) => Some(advice),
            Finding::Success(_) | Finding::Skipped(_) => None,
        }
    }
}
