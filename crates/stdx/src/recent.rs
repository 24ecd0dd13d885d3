//! A bounded map that forgets what was used least recently: what every cache is built on.
//!
//! An entry costs its key, its value and about 45 bytes, in two allocations for all of them. It has no lock and no clock:
//! the owner has both.

use std::borrow::Borrow;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::{Duration, Instant};

use hashbrown::HashTable;

/// No neighbour.
const NONE: u32 = u32::MAX;

/// A map of at most `entries_max` entries, each kept for `life` at most.
#[derive(Debug)]
pub struct Recent<K, V> {
    entries_max: usize,
    life: Option<Duration>,
    hasher: RandomState,
    /// Places in `nodes`, by the hash of their keys.
    places: HashTable<u32>,
    /// A list in the order of use.
    nodes: Vec<Node<K, V>>,
    newest: u32,
    oldest: u32,
}

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    since: Instant,
    newer: u32,
    older: u32,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// An empty map; without `life` entries stay until they have to make room.
    pub fn new(entries_max: usize, life: Option<Duration>) -> Self {
        Self {
            entries_max: entries_max.min(NONE as usize - 1),
            life,
            hasher: RandomState::new(),
            places: HashTable::new(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// Number of entries, with those whose time is over and which nobody has looked for since.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The value of a key, which counts as used; `None` when its time is over.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, now: Instant) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key)?;
        if self.is_over(place, now) {
            self.remove_at(place);
            return None;
        }
        self.unlink(place);
        self.link_newest(place);
        Some(&self.nodes[place as usize].value)
    }

    /// Puts in a value or replaces it; what was used least recently makes room.
    pub fn insert(&mut self, key: K, value: V, now: Instant) {
        if self.entries_max == 0 {
            return;
        }
        if let Some(place) = self.find(&key) {
            let node = &mut self.nodes[place as usize];
            (node.value, node.since) = (value, now);
            self.unlink(place);
            self.link_newest(place);
            return;
        }
        if self.oldest != NONE
            && (self.nodes.len() >= self.entries_max || self.is_over(self.oldest, now))
        {
            self.remove_at(self.oldest);
        }
        let place = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let hash = self.hasher.hash_one(&key);
        self.nodes.push(Node { key, value, since: now, newer: NONE, older: NONE });
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.places.insert_unique(hash, place, |at| hasher.hash_one(&nodes[*at as usize].key));
        self.link_newest(place);
    }

    /// Forgets a key.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some(place) = self.find(key) {
            self.remove_at(place);
        }
    }

    /// Forgets every key that `condemned` picks.
    pub fn remove_if(&mut self, mut condemned: impl FnMut(&K) -> bool) {
        let mut place = 0;
        while let Some(node) = self.nodes.get(place as usize) {
            // The last one comes to this place when this one goes.
            if condemned(&node.key) { self.remove_at(place) } else { place += 1 }
        }
    }

    /// Forgets everything, and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::new(self.entries_max, self.life);
    }

    fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        let same = |at: &u32| self.nodes[*at as usize].key.borrow() == key;
        self.places.find(self.hasher.hash_one(key), same).copied()
    }

    fn is_over(&self, place: u32, now: Instant) -> bool {
        let since = self.nodes[place as usize].since;
        self.life.is_some_and(|life| now.saturating_duration_since(since) >= life)
    }

    fn remove_at(&mut self, place: u32) {
        self.unlink(place);
        let hash = self.hasher.hash_one(&self.nodes[place as usize].key);
        if let Ok(entry) = self.places.find_entry(hash, |at| *at == place) {
            entry.remove();
        }
        self.nodes.swap_remove(place as usize);
        let Some(moved) = self.nodes.get(place as usize) else { return };
        let (newer, older) = (moved.newer, moved.older);
        let from = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let hash = self.hasher.hash_one(&moved.key);
        if let Some(at) = self.places.find_mut(hash, |at| *at == from) {
            *at = place;
        }
        *self.older_of(newer) = place;
        *self.newer_of(older) = place;
    }

    fn unlink(&mut self, place: u32) {
        let node = &self.nodes[place as usize];
        let (newer, older) = (node.newer, node.older);
        *self.older_of(newer) = older;
        *self.newer_of(older) = newer;
    }

    fn link_newest(&mut self, place: u32) {
        let before = self.newest;
        let node = &mut self.nodes[place as usize];
        (node.newer, node.older) = (NONE, before);
        *self.newer_of(before) = place;
        self.newest = place;
    }

    /// Where it stands who comes after a node in age, or after nobody.
    fn older_of(&mut self, place: u32) -> &mut u32 {
        self.nodes.get_mut(place as usize).map_or(&mut self.newest, |node| &mut node.older)
    }

    /// Where it stands who comes before a node in age, or before nobody.
    fn newer_of(&mut self, place: u32) -> &mut u32 {
        self.nodes.get_mut(place as usize).map_or(&mut self.oldest, |node| &mut node.newer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with a list that is searched and sorted naively.
    #[test]
    fn it_forgets_what_was_used_least_recently() {
        let now = Instant::now();
        let mut recent: Recent<u32, u32> = Recent::new(8, None);
        let mut list: Vec<(u32, u32)> = Vec::new();
        let mut random: u32 = 1;
        for step in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (random >> 16) % 12;
            let at = list.iter().position(|(other, _)| *other == key);
            match (random >> 28) % 8 {
                0 => {
                    recent.remove(&key);
                    at.map(|at| list.remove(at));
                }
                1..=3 => {
                    recent.insert(key, step, now);
                    at.map(|at| list.remove(at));
                    if list.len() == 8 {
                        list.remove(0);
                    }
                    list.push((key, step));
                }
                4 if step % 50 == 0 => {
                    recent.remove_if(|key| key % 3 == 0);
                    list.retain(|(key, _)| key % 3 != 0);
                }
                _ => {
                    let expected = at.map(|at| list.remove(at));
                    list.extend(expected);
                    assert_eq!(recent.get(&key, now).copied(), expected.map(|(_, value)| value));
                }
            }
            assert_eq!(recent.len(), list.len());
        }
        assert!(!recent.is_empty());
        recent.clear();
        assert!(recent.is_empty() && recent.get(&1, now).is_none());
    }

    #[test]
    fn an_entry_lives_as_long_as_it_may() {
        let (start, life) = (Instant::now(), Duration::from_secs(10));
        let mut recent: Recent<&str, u8> = Recent::new(3, Some(life));
        recent.insert("a", 1, start);
        assert_eq!(recent.get("a", start + Duration::from_secs(9)), Some(&1));
        // Being used does not make it younger; being put in does.
        assert_eq!(recent.get("a", start + life), None);
        assert_eq!(recent.len(), 0);
        recent.insert("a", 2, start);
        recent.insert("a", 3, start + life);
        assert_eq!(recent.get("a", start + life), Some(&3));
        // Whose time is over makes room first.
        recent.insert("b", 4, start + life + life);
        assert_eq!(recent.len(), 1);
    }

    #[test]
    fn no_room_is_no_entry() {
        let mut recent: Recent<u8, u8> = Recent::new(0, None);
        recent.insert(1, 1, Instant::now());
        assert!(recent.is_empty());
    }
}
