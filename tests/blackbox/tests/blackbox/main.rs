//! The black-box tests, in a tree that mirrors the tree of paths; what has no path of its own stands beside it.

mod admin;
mod bad_input;
mod cli;
mod configuration;
mod damage;
mod demo;
mod durability;
mod erasure;
mod health;
mod interface;
mod logs;
mod properties;
mod races;
mod revocation;
mod rules;
mod rws;
mod sandbox;
mod shutdown;
mod startup;
mod tenants;
mod tls;
mod world;
