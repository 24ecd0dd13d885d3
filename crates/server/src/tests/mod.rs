//! Where everything declared is known: commands, checks and panels against ejabberd's facts, and the pages written of
//! them.

mod audit;
mod facts;
mod pages;
mod panels;
