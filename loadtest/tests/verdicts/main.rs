//! Whole experiments in virtual time: what ships passes, and a wrong gateway fails exactly what
//! it should.

mod bugs;
mod clients;
mod shipped;
mod support;
mod wrong_gateways;
