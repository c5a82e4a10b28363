//! Divides seats among parties by Webster's method (Sainte-Laguë), as Karmada divides replicas.
//!
//! The next seat goes to the party with the highest `votes / (2 · seats + 1)`. Among equals the one
//! with fewer seats wins, then name decides, in an order that the object's UID picks, so that
//! objects of one replica do not all land on the first cluster.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One party.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Party<'a> {
    pub(crate) name: &'a str,
    /// Its weight; at least 1.
    pub(crate) votes: i64,
    pub(crate) seats: u32,
}

/// Which name wins a tie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ties {
    /// The smaller one.
    First,
    /// The greater one.
    Last,
}

impl Ties {
    /// By the last bit of the UID's 32-bit FNV-1 hash.
    pub(crate) fn by_uid(uid: &str) -> Self {
        let hash = uid.bytes().fold(0x811c_9dc5_u32, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte));
        if !uid.is_empty() && hash & 1 == 1 { Self::Last } else { Self::First }
    }
}

struct Claim<'a> {
    party: Party<'a>,
    ties: Ties,
}

impl Claim<'_> {
    fn priority(&self) -> f64 {
        self.party.votes as f64 / (2.0 * f64::from(self.party.seats) + 1.0)
    }
}

impl Ord for Claim<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = other.party.name.cmp(self.party.name);
        self.priority()
            .total_cmp(&other.priority())
            .then(other.party.seats.cmp(&self.party.seats))
            .then(if self.ties == Ties::First { names } else { names.reverse() })
    }
}

impl PartialOrd for Claim<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Claim<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Claim<'_> {}

/// Gives out `seats` more seats, and the parties back in order of name. Without parties nothing is
/// given out.
pub(crate) fn divide<'a>(seats: u32, mut parties: Vec<Party<'a>>, ties: Ties) -> Vec<Party<'a>> {
    let mut left = seats - advance(seats, &mut parties);
    let mut heap: BinaryHeap<_> = parties.into_iter().map(|party| Claim { party, ties }).collect();
    while left > 0 {
        let Some(mut first) = heap.pop() else { break };
        first.party.seats += 1;
        heap.push(first);
        left -= 1;
    }
    let mut parties: Vec<_> = heap.into_iter().map(|claim| claim.party).collect();
    parties.sort_unstable_by_key(|party| party.name);
    parties
}

/// Divides a number by weights, as replicas are divided: by Webster's method, ties by the object's
/// UID. Gives shares in order of name; those without weight get nothing while others have some.
pub fn divide_by_weight(total: u32, weights: &[(&str, i64)], uid: &str) -> Vec<(String, i64)> {
    let parties = weights.iter().map(|(name, votes)| Party { name, votes: *votes, seats: 0 }).collect();
    let parties =
        if weights.iter().all(|(_, votes)| *votes <= 0) { parties } else { divide(total, parties, Ties::by_uid(uid)) };
    parties.into_iter().map(|party| (party.name.to_owned(), i64::from(party.seats))).collect()
}

/// Gives out at once the seats that are certain, so that the work depends on the number of parties
/// and not on that of seats: with the divisor `d = sum / (seats - parties)` no more than `seats` of
/// them have a priority of `d / 2` or better, so these come first in any case. One less than that
/// is given to each party, which leaves room for rounding.
fn advance(seats: u32, parties: &mut [Party<'_>]) -> u32 {
    let count = u32::try_from(parties.len()).unwrap_or(u32::MAX);
    if parties.iter().any(|party| party.seats != 0) || seats / 4 <= count {
        return 0;
    }
    let sum: f64 = parties.iter().map(|party| party.votes as f64).sum();
    let divisor = sum / f64::from(seats - count);
    let mut given = 0;
    for party in parties {
        party.seats = (party.votes as f64 / divisor - 0.5).floor().max(0.0) as u32;
        given += party.seats;
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seats: u32, votes: &[(&str, i64)], ties: Ties, expected: &[u32]) {
        let parties = votes.iter().map(|(name, votes)| Party { name, votes: *votes, seats: 0 }).collect();
        let got: Vec<_> = divide(seats, parties, ties).iter().map(|party| party.seats).collect();
        assert_eq!(got, expected, "{seats} among {votes:?}, {ties:?}");
    }

    #[test]
    fn divides_by_weight() {
        check(9, &[("a", 1), ("b", 2)], Ties::First, &[3, 6]);
        check(9, &[("a", 1), ("b", 3)], Ties::First, &[2, 7]);
        check(2, &[("a", 1), ("b", 1), ("c", 1)], Ties::First, &[1, 1, 0]);
        check(2, &[("a", 1), ("b", 1), ("c", 1)], Ties::Last, &[0, 1, 1]);
        check(3, &[("c", 1), ("a", 100)], Ties::First, &[3, 0]);
        check(2, &[("a", 3), ("b", 1)], Ties::First, &[1, 1]);
        check(5, &[], Ties::First, &[]);
        check(0, &[("a", 1)], Ties::First, &[0]);
    }

    #[test]
    fn ties_follow_the_uid() {
        assert_eq!(Ties::by_uid(""), Ties::First);
        // FNV-1, 32 bits: "a" is 0x050c5d7e, "b" is 0x050c5d7d.
        assert_eq!(Ties::by_uid("a"), Ties::First);
        assert_eq!(Ties::by_uid("b"), Ties::Last);
    }

    proptest::proptest! {
        #[test]
        fn advancing_changes_nothing(seats in 0_u32..3000, votes in proptest::collection::vec(1_i64..1000, 1..12), last: bool) {
            let names: Vec<_> = (0..votes.len()).map(|i| format!("c{i:02}")).collect();
            let ties = if last { Ties::Last } else { Ties::First };
            let parties: Vec<_> = names.iter().zip(&votes).map(|(name, votes)| Party { name, votes: *votes, seats: 0 }).collect();
            let mut slow: Vec<_> = parties.iter().map(|party| Claim { party: party.clone(), ties }).collect();
            for _ in 0..seats {
                slow.iter_mut().max().unwrap().party.seats += 1;
            }
            let fast = divide(seats, parties, ties);
            proptest::prop_assert_eq!(fast.iter().map(|p| p.seats).sum::<u32>(), seats);
            proptest::prop_assert_eq!(fast, slow.into_iter().map(|claim| claim.party).collect::<Vec<_>>());
        }
    }
}
