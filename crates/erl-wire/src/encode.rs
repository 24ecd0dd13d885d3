//! From terms to bytes (ETF), in the newest forms, which every node since OTP 25 understands.

use crate::decode::VERSION;
use crate::term::{Atom, Pid, Port, Reference, Term};

/// Appends a term with its version byte.
pub fn encode(term: &Term, out: &mut Vec<u8>) {
    out.push(VERSION);
    put(term, out);
}

fn put(term: &Term, out: &mut Vec<u8>) {
    match term {
        Term::Integer(number) => put_integer(*number, out),
        Term::Big(big) => put_big(big.negative, &big.magnitude, out),
        Term::Float(number) => {
            out.push(70);
            out.extend(number.to_bits().to_be_bytes());
        }
        Term::Atom(atom) => put_atom(atom, out),
        Term::Binary(bytes) => {
            out.push(109);
            put_length(bytes.len(), out);
            out.extend(bytes);
        }
        Term::Bits(bytes, bits) => {
            out.push(77);
            put_length(bytes.len(), out);
            out.push(*bits);
            out.extend(bytes);
        }
        Term::Tuple(parts) => {
            match u8::try_from(parts.len()) {
                Ok(count) => out.extend([104, count]),
                Err(_) => {
                    out.push(105);
                    put_length(parts.len(), out);
                }
            }
            parts.iter().for_each(|part| put(part, out));
        }
        Term::List(items) if items.is_empty() => out.push(106),
        Term::List(items) => put_list(items, &Term::NIL, out),
        Term::Improper(items, tail) => put_list(items, tail, out),
        Term::String(bytes) => put_string(bytes, out),
        Term::Map(pairs) => {
            out.push(116);
            put_length(pairs.len(), out);
            for (key, value) in pairs {
                put(key, out);
                put(value, out);
            }
        }
        Term::Pid(pid) => put_pid(pid, out),
        Term::Port(port) => put_port(port, out),
        Term::Reference(reference) => put_reference(reference, out),
        Term::Export(export) => {
            out.push(113);
            put_atom(&export.module, out);
            put_atom(&export.function, out);
            put_integer(i64::from(export.arity), out);
        }
        // Nothing of it was kept; the word says what was there.
        Term::Fun => put_atom(&Atom::word("fun"), out),
    }
}

/// Lengths have 32 bits; a longer value cannot come from a term that was decoded or from a command's result.
fn put_length(length: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_integer(number: i64, out: &mut Vec<u8>) {
    if let Ok(byte) = u8::try_from(number) {
        out.extend([97, byte]);
    } else if let Ok(small) = i32::try_from(number) {
        out.push(98);
        out.extend(small.to_be_bytes());
    } else {
        let magnitude = number.unsigned_abs().to_le_bytes();
        let length = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        put_big(number < 0, magnitude.get(..length).unwrap_or_default(), out);
    }
}

fn put_big(negative: bool, magnitude: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(magnitude.len()) {
        Ok(length) => out.extend([110, length]),
        Err(_) => {
            out.push(111);
            put_length(magnitude.len(), out);
        }
    }
    out.push(u8::from(negative));
    out.extend(magnitude);
}

fn put_atom(atom: &Atom, out: &mut Vec<u8>) {
    let text = atom.as_str().as_bytes();
    match u8::try_from(text.len()) {
        Ok(length) => out.extend([119, length]),
        Err(_) => {
            out.push(118);
            // At most 255 characters of 4 bytes.
            out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend(text);
}

fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    match u16::try_from(bytes.len()) {
        Ok(0) => out.push(106),
        Ok(length) => {
            out.push(107);
            out.extend(length.to_be_bytes());
            out.extend(bytes);
        }
        Err(_) => {
            out.push(108);
            put_length(bytes.len(), out);
            bytes.iter().for_each(|byte| out.extend([97, *byte]));
            out.push(106);
        }
    }
}

fn put_list(items: &[Term], tail: &Term, out: &mut Vec<u8>) {
    out.push(108);
    put_length(items.len(), out);
    items.iter().for_each(|item| put(item, out));
    put(tail, out);
}

fn put_pid(pid: &Pid, out: &mut Vec<u8>) {
    out.push(88);
    put_atom(&pid.node, out);
    for number in [pid.id, pid.serial, pid.creation] {
        out.extend(number.to_be_bytes());
    }
}

fn put_port(port: &Port, out: &mut Vec<u8>) {
    match u32::try_from(port.id) {
        Ok(id) => {
            out.push(89);
            put_atom(&port.node, out);
            out.extend(id.to_be_bytes());
        }
        Err(_) => {
            out.push(120);
            put_atom(&port.node, out);
            out.extend(port.id.to_be_bytes());
        }
    }
    out.extend(port.creation.to_be_bytes());
}

fn put_reference(reference: &Reference, out: &mut Vec<u8>) {
    out.push(90);
    out.extend(u16::try_from(reference.words.len()).unwrap_or(u16::MAX).to_be_bytes());
    put_atom(&reference.node, out);
    out.extend(reference.creation.to_be_bytes());
    reference.words.iter().for_each(|word| out.extend(word.to_be_bytes()));
}
