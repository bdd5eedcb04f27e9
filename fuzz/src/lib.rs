//! What the fuzz targets hold the program against: the same rules, said once more in another way.

pub mod customer;
pub mod entropy;
pub mod if_match;
pub mod listing;
pub mod moment;
