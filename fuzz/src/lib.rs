//! Independent models of the program's rules, which the fuzz targets compare it with.

pub mod customer;
pub mod entropy;
pub mod if_match;
pub mod listing;
pub mod moment;
