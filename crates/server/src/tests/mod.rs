//! Where all commands are known: the table against ejabberd's, and the pages written from it.

mod facts;
mod pages;
