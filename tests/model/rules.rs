//! The rules of a sliced run that can be taken out, and what can go wrong.

/// Which rules hold. Those above the empty line are needed: each has a test that fails
/// when it is taken out.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What is suspected is confirmed, a component at a time, each in one go.
    pub confirm: bool,
    /// Objects made in a run take no part in it: what a list of a run says of their block is not of them.
    pub born: bool,
    /// A block that is freed, or whose object is dying, is suspected no more.
    pub freed_block: bool,
    /// Weak handles, iteration and addresses give nothing that was confirmed.
    pub dead_bit: bool,
    /// Components are confirmed in the order of the edges.
    pub sources_first: bool,
    /// Blocks of the dead are freed when all of the dead are empty.
    pub empty_first: bool,
    /// The engine has a reference to what waits for callbacks.
    pub hold: bool,
    /// What callbacks ran for is judged again.
    pub judge_again: bool,
    /// What waits for callbacks and was handed out is out of the run, and nothing more is called before the others are judged again.
    pub handed_out: bool,
    /// A run begins when deaths by count are paid for.
    pub debts_first: bool,

    /// Each component is ended before the next one is confirmed, as the engine does; else all are confirmed before any is ended.
    pub one_by_one: bool,
    /// Deaths by count are capped: what is left is a debt.
    pub cap: bool,
    /// The host untracks objects.
    pub untrack: bool,
    /// Slots in use.
    pub slots: usize,
    /// Times that the suspects are examined again before they are confirmed.
    pub rounds: u8,
    /// The largest component that may be confirmed.
    pub piece_max: u32,
}

impl Rules {
    /// All of them.
    pub const ALL: Rules = Rules {
        confirm: true,
        born: true,
        freed_block: true,
        dead_bit: true,
        sources_first: true,
        empty_first: true,
        hold: true,
        judge_again: true,
        handed_out: true,
        debts_first: true,
        one_by_one: false,
        cap: false,
        untrack: false,
        slots: 2,
        rounds: 1,
        piece_max: u32::MAX,
    };
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// An object was freed that the host can reach.
    FreedReachable,
    /// A free block was freed.
    FreedTwice,
    /// A reference leads to a free block.
    Dangling,
    /// The collector walked what is no object, or none that may be walked.
    Walked,
    /// A callback ran for an object that the host could reach.
    CalledReachable,
    /// What was garbage when the run began is there when it has ended.
    Missed,
    /// The run does not end.
    Endless,
}
