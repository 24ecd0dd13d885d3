//! Where everything declared is known: commands, checks and panels against ejabberd's facts, the pages written of
//! them, and the container recipe.

mod audit;
mod container;
mod facts;
mod manual;
mod pages;
mod panels;
