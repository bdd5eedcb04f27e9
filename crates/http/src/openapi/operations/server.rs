//! The operations that tell of the server itself.

use super::{Operation, Reply, json};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "live",
        tag: "Health",
        summary: "Is the server running?",
        description: "Answers as long as the process does.",
        parameters: &[],
        body: None,
        reply: json("The process answers.", "Health"),
        own_problems: &[],
    },
    Operation {
        name: "ready",
        tag: "Health",
        summary: "Can requests be served?",
        description: "Reads from the store; 503 if that fails.",
        parameters: &[],
        body: None,
        reply: json("Requests can be served.", "Health"),
        own_problems: &[],
    },
    Operation {
        name: "openapi",
        tag: "Interface",
        summary: "The interface for programs",
        description: "An OpenAPI 3.1 document with the limits of this server.",
        parameters: &[],
        body: None,
        reply: json("The document.", "Document"),
        own_problems: &[],
    },
    Operation {
        name: "docs",
        tag: "Interface",
        summary: "The interface for people",
        description: "The same as one page that needs nothing else.",
        parameters: &[],
        body: None,
        reply: Reply { description: "The page.", media_type: "text/html", schema: None, has_version: false },
        own_problems: &[],
    },
];
