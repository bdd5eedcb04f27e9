//! The customers that a registry is known to hold, because it has acknowledged them.

/// Ids and names of acknowledged customers.
#[derive(Default)]
pub struct Known {
    ids: Vec<u64>,
    names: Vec<(u32, u8, u32)>,
}

impl Known {
    /// The customers of one run: their ids, and how many each thread of the run has made.
    pub fn of(ids: Vec<u64>, (run, made): (u32, Vec<u32>)) -> Self {
        let mut known = Self::default();
        known.add(ids, (run, made));
        known
    }

    /// Adds the customers of another run.
    pub fn add(&mut self, ids: Vec<u64>, (run, made): (u32, Vec<u32>)) {
        self.ids.extend(ids);
        self.names.extend((0..).zip(made).filter(|(_, made)| *made > 0).map(|(lane, made)| (run, lane, made)));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.ids.len() as u64
    }

    /// An id, chosen by a random number.
    pub fn id(&self, random: u64) -> u64 {
        self.ids[(random % self.ids.len() as u64) as usize]
    }

    /// The run, the thread and the number of a name, chosen by a random number.
    pub fn name(&self, random: u64) -> (u32, u8, u32) {
        let (run, lane, made) = self.names[(random % self.names.len() as u64) as usize];
        (run, lane, 1 + (random >> 20) as u32 % made)
    }

    /// How many ids were given more than once.
    pub fn repeated_ids(&mut self) -> u64 {
        self.ids.sort_unstable();
        self.ids.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
    }
}
