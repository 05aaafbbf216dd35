//! The judge against runs written down by hand.

mod books;
mod gates;
mod join;
mod pattern;
mod relations;
mod rig;
mod routing;
mod statistics;
mod usage;
