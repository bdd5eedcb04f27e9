//! The black-box tests: modules mirror the paths of the API, and other subjects have modules of their own.

mod admin;
mod bad_input;
mod changes;
mod cli;
mod configuration;
mod damage;
mod demo;
mod documents;
mod durability;
mod erasure;
mod files;
mod health;
mod interface;
mod logs;
mod names;
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
