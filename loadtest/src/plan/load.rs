//! [`Phase`] and its [`Load`]: how many users when, or which request at which moment.

use std::sync::Arc;
use std::time::Duration;

use clock::Moment;

/// A stretch of the run with one load.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: Arc<str>,
    /// Its first moment.
    pub start: Moment,
    /// The first moment after it.
    pub end: Moment,
    /// What a presenter would say while it runs.
    pub say: Option<String>,
    /// What it sends.
    pub load: Load,
}

/// What a phase sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Users who wait for their answer, think, and ask again. One ramp per class, by index in the plan.
    Closed(Vec<Ramp>),
    /// Requests at planned moments, whatever the answers do; ordered by time.
    Open {
        /// The schedule.
        arrivals: Arc<[Arrival]>,
        /// How many requests may be in flight at once before the generator itself queues.
        workers: u32,
    },
    /// Users who make an exact number of requests one after the other, as a notebook's cells do.
    Notebook {
        /// Users by class, by index in the plan.
        users: Vec<u32>,
        /// Requests of each user.
        iterations: u32,
        /// Pause after each answer.
        gap: Duration,
    },
    /// Users as in a closed phase who belong to no class: that of each request is drawn.
    Mixed {
        /// How many they are.
        users: Ramp,
        /// How often each class is drawn, in proportion; by index in the plan.
        weights: Vec<f64>,
    },
    /// Nobody sends anything: a pause for windows to drain.
    Idle,
}

/// Whose requests a user makes who waits for answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Crowd {
    /// Those of the class of this index in the plan.
    Class(usize),
    /// Those of several classes, in mixed phases.
    Mix,
}

/// The number of a class's active users over a phase: a straight line, then flat.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ramp {
    /// Users at the phase's start.
    pub from: u32,
    /// Users at the end of the ramp and until the phase's end.
    pub to: u32,
    /// How long the line from `from` to `to` takes.
    pub over: Duration,
}

/// One request of an open schedule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// When it is to be sent.
    pub at: Moment,
    /// Index of its class in the plan.
    pub class: usize,
    /// Tokens of prompt content that a trace asks for, instead of the class's own.
    pub prompt_tokens: Option<u32>,
    /// `max_tokens` that a trace asks for, instead of the class's own.
    pub max_tokens: Option<u32>,
}

/// A change of the rig at a moment of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedAction {
    /// When.
    pub at: Moment,
    /// Name of the phase that plays it.
    pub phase: Arc<str>,
    /// Its name in the scenario.
    pub name: String,
    /// Merge patches by simulator name.
    pub simulators: Vec<(String, serde_json::Value)>,
    /// Merge patch onto the gateway's configuration.
    pub gateway: Option<serde_json::Value>,
    /// Whether the gateway is to finish what it has and refuse what is new.
    pub drains: bool,
    /// Index of the prober that is to measure.
    pub prober: Option<usize>,
}

/// What a user of a closed phase does at some moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activity {
    /// It may send a request now, planned by the phase of this index.
    Active {
        /// Index of the phase in the plan.
        phase: usize,
    },
    /// It has nothing to do before this moment.
    Idle {
        /// When to look again.
        until: Moment,
    },
    /// The run is over for it.
    Over,
}

impl Load {
    /// Requests that this load schedules; 0 for closed loads, whose number depends on the answers.
    pub fn scheduled(&self) -> u64 {
        match self {
            Self::Open { arrivals, .. } => arrivals.len() as u64,
            Self::Closed(_) | Self::Mixed { .. } | Self::Notebook { .. } | Self::Idle => 0,
        }
    }

    /// Requests of the class at `class`, where answers do not change their number.
    pub fn exact(&self, class: usize) -> Option<u64> {
        match self {
            Self::Open { arrivals, .. } => {
                let ours = arrivals.iter().filter(|arrival| arrival.class == class);
                Some(ours.count() as u64)
            }
            Self::Notebook {
                users, iterations, ..
            } => Some(
                users
                    .get(class)
                    .map_or(0, |users| u64::from(*users) * u64::from(*iterations)),
            ),
            Self::Mixed { weights, .. }
                if weights.get(class).is_none_or(|weight| *weight == 0.0) =>
            {
                Some(0)
            }
            Self::Closed(_) | Self::Mixed { .. } => None,
            Self::Idle => Some(0),
        }
    }

    /// Whether its users make an exact number of requests.
    pub fn is_notebook(&self) -> bool {
        matches!(self, Self::Notebook { .. })
    }

    /// Most users of `crowd` at one time; 0 for open loads, which have workers.
    pub fn most_users(&self, crowd: Crowd) -> u32 {
        match (self, crowd) {
            (Self::Notebook { users, .. }, Crowd::Class(class)) => {
                users.get(class).copied().unwrap_or(0)
            }
            _ => self.ramp(crowd).map_or(0, Ramp::peak),
        }
    }

    /// The users of `crowd` where they come and go.
    pub fn ramp(&self, crowd: Crowd) -> Option<&Ramp> {
        match (self, crowd) {
            (Self::Closed(ramps), Crowd::Class(class)) => ramps.get(class),
            (Self::Mixed { users, .. }, Crowd::Mix) => Some(users),
            _ => None,
        }
    }
}

impl Ramp {
    /// Active users `elapsed` after the phase's start.
    ///
    /// On the way up user n+1 joins when the line reaches n+1 (the first at once, as load tools
    /// do); on the way down the line is rounded up, so that the last user leaves at its end.
    pub fn users_at(&self, elapsed: Duration) -> u32 {
        if elapsed >= self.over {
            return self.to;
        }
        let part = elapsed.as_secs_f64() / self.over.as_secs_f64();
        let line = f64::from(self.from) + (f64::from(self.to) - f64::from(self.from)) * part;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between two u32"
        )]
        let users = if self.to > self.from {
            (line.floor() as u32 + 1).min(self.to)
        } else {
            line.ceil() as u32
        };
        users
    }

    /// The largest number of active users.
    pub fn peak(&self) -> u32 {
        self.from.max(self.to)
    }
}
