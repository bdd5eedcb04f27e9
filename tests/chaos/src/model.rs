//! What must, may and must not be stored according to the answers that clients got.

use serde_json::Value;

/// What is known about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with 200 and this id: it must be stored.
    Acknowledged(u64),
    /// It was refused: it must not be stored.
    Refused,
    /// It was answered with 503 or not at all: it may be stored.
    Unknown,
}

/// A create, an edit or an erasure that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The id of the request, of its own for every request of a test.
    pub request: String,
    /// The document; null for an erasure.
    pub body: Value,
    /// What is known about it.
    pub outcome: Outcome,
}

impl Sent {
    /// Whether it is an erasure.
    pub fn erases(&self) -> bool {
        self.body.is_null()
    }

    /// The customer's id, if the request was acknowledged.
    pub fn id(&self) -> Option<u64> {
        match self.outcome {
            Outcome::Acknowledged(id) => Some(id),
            Outcome::Refused | Outcome::Unknown => None,
        }
    }
}

/// A customer: its create, then its edits, and perhaps its erasure at the end, in the order in which one client sent them.
pub type CustomerHistory = Vec<Sent>;

/// A customer as it may be stored.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its id, if an answer contained it.
    pub id: Option<u64>,
    /// Whether it must be stored.
    pub certain: bool,
    /// What a read may return.
    pub contents: Vec<Value>,
}

/// What may be stored after everything that was sent.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What must or may be stored.
    pub customers: Vec<Customer>,
    /// Names that were refused, and never used otherwise.
    pub refused: Vec<String>,
    /// Customers that must no longer be stored.
    pub erased: Vec<u64>,
}

impl Model {
    /// The model after all answers.
    pub fn of<'a>(histories: impl IntoIterator<Item = &'a CustomerHistory>) -> Self {
        Self::at(histories, |sent| matches!(sent.outcome, Outcome::Acknowledged(_)))
    }

    /// The model at a moment at which only the requests for which `acknowledged` is true were acknowledged.
    ///
    /// A request that was acknowledged later may be stored already.
    pub fn at<'a>(
        histories: impl IntoIterator<Item = &'a CustomerHistory>,
        acknowledged: impl Fn(&Sent) -> bool,
    ) -> Self {
        let mut model = Self::default();
        for history in histories {
            model.add(history, &acknowledged);
        }
        model
    }

    fn add(&mut self, history: &CustomerHistory, acknowledged: &impl Fn(&Sent) -> bool) {
        let create = history.first().expect("a history begins with a create");
        if create.outcome == Outcome::Refused {
            self.refused.push(name(&create.body).to_owned());
            return;
        }
        let id = match create.outcome {
            Outcome::Acknowledged(id) => Some(id),
            _ => None,
        };
        let last = history.iter().rposition(acknowledged);
        if let (Some(id), Some(last)) = (id, last)
            && history[last].erases()
        {
            return self.erased.push(id);
        }
        let possible = history[last.unwrap_or(0)..].iter().filter(|sent| sent.outcome != Outcome::Refused);
        let (erasures, writes): (Vec<_>, Vec<_>) = possible.partition(|sent| sent.erases());
        let contents = writes.into_iter().map(|sent| sent.body.clone()).collect();
        self.customers.push(Customer { id, certain: last.is_some() && erasures.is_empty(), contents });
    }

    /// How many customers must be stored.
    pub fn certain(&self) -> usize {
        self.customers.iter().filter(|customer| customer.certain).count()
    }
}

/// The name in a document.
pub fn name(body: &Value) -> &str {
    body["name"].as_str().expect("every document of these tests has a name")
}
