//! [`activity()`]: when a closed-model user works.
//!
//! User k of a class, or of a mix, is active while k is below its number of active users. The answer
//! for an idle user names the exact moment at which that changes, so nobody has to poll.

use std::time::Duration;

use clock::Moment;

use crate::plan::{Activity, Crowd, Phase, Plan, Ramp};

/// What user `user` (from 0) of `crowd` does at `now`.
///
/// `now` counts as the plan does, from the start of the first phase.
pub fn activity(plan: &Plan, crowd: Crowd, user: u32, now: Moment) -> Activity {
    let phases = plan.phases.iter().enumerate();
    for (index, phase) in phases.filter(|(_, phase)| now < phase.end) {
        let Some(active) = next_active(phase, crowd, user, now.max(phase.start)) else {
            continue;
        };
        return if active <= now {
            Activity::Active { phase: index }
        } else {
            Activity::Idle { until: active }
        };
    }
    Activity::Over
}

/// The first moment from `from` on at which the user is active in `phase`.
fn next_active(phase: &Phase, crowd: Crowd, user: u32, from: Moment) -> Option<Moment> {
    let Some(ramp) = phase.load.ramp(crowd) else {
        // Those of a notebook are there all the time, as many as ever.
        return (phase.load.most_users(crowd) > user).then_some(from);
    };
    let elapsed = from.since(phase.start);
    if ramp.users_at(elapsed) > user {
        return Some(from);
    }
    let joins = phase.start + joins_after(*ramp, user, elapsed)?;
    (joins < phase.end).then_some(joins)
}

/// How long after its phase's start a user joins who has not joined at `elapsed`.
///
/// Searches the ramp instead of inverting it: [`Ramp::users_at`] alone decides who is active, to
/// the microsecond, whatever its rounding.
fn joins_after(ramp: Ramp, user: u32, elapsed: Duration) -> Option<Duration> {
    if ramp.to <= user || elapsed >= ramp.over {
        return None;
    }
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (mut idle, mut active) = (micros(elapsed), micros(ramp.over));
    while active - idle > 1 {
        let middle = u64::midpoint(idle, active);
        if ramp.users_at(Duration::from_micros(middle)) > user {
            active = middle;
        } else {
            idle = middle;
        }
    }
    Some(Duration::from_micros(active))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::driver::support::{self, at, plan};
    use crate::plan::Load;

    const CHATS: Crowd = Crowd::Class(0);

    fn phase(start: f64, end: f64, load: Load) -> Phase {
        support::phase("phase", start, end, load)
    }

    fn ramp(from: u32, to: u32, seconds: u32) -> Ramp {
        Ramp {
            from,
            to,
            over: Duration::from_secs(u64::from(seconds)),
        }
    }

    /// Two users, a pause, then up to four within ten seconds, then down to none within two.
    fn story() -> Plan {
        Plan {
            phases: vec![
                phase(0.0, 10.0, Load::Closed(vec![ramp(2, 2, 0)])),
                phase(10.0, 15.0, Load::Idle),
                phase(15.0, 30.0, Load::Closed(vec![ramp(2, 4, 10)])),
                phase(30.0, 40.0, Load::Closed(vec![ramp(4, 0, 2)])),
            ],
            ..plan()
        }
    }

    #[test]
    fn a_user_works_in_its_phase_and_waits_for_the_next() {
        let story = story();
        assert_eq!(
            activity(&story, CHATS, 1, at(9.999_999)),
            Activity::Active { phase: 0 }
        );
        assert_eq!(
            activity(&story, CHATS, 1, at(10.0)),
            Activity::Idle { until: at(15.0) }
        );
        assert_eq!(
            activity(&story, CHATS, 1, at(15.0)),
            Activity::Active { phase: 2 }
        );
    }

    #[test]
    fn a_user_joins_in_the_middle_of_a_ramp_at_the_exact_moment() {
        let story = story();
        // From 2 to 4 in ten seconds: the third joins at once, the fourth when the line reaches 3.
        assert_eq!(
            activity(&story, CHATS, 2, at(0.0)),
            Activity::Idle { until: at(15.0) }
        );
        assert_eq!(
            activity(&story, CHATS, 3, at(0.0)),
            Activity::Idle { until: at(20.0) }
        );
        assert_eq!(
            activity(&story, CHATS, 3, at(19.999_999)),
            Activity::Idle { until: at(20.0) }
        );
        assert_eq!(
            activity(&story, CHATS, 3, at(20.0)),
            Activity::Active { phase: 2 }
        );
    }

    #[test]
    fn a_user_who_left_on_the_way_down_does_not_come_back() {
        let story = story();
        // From 4 to 0 in two seconds: the fourth leaves when the line has reached 3.
        assert_eq!(
            activity(&story, CHATS, 3, at(30.499_999)),
            Activity::Active { phase: 3 }
        );
        assert_eq!(activity(&story, CHATS, 3, at(30.5)), Activity::Over);
        assert_eq!(activity(&story, CHATS, 0, at(32.0)), Activity::Over);
    }

    #[test]
    fn a_ramp_longer_than_its_phase_leaves_late_users_out() {
        let plan = Plan {
            phases: vec![phase(0.0, 5.0, Load::Closed(vec![ramp(0, 10, 10)]))],
            ..plan()
        };
        assert_eq!(
            activity(&plan, CHATS, 4, at(0.0)),
            Activity::Idle { until: at(4.0) }
        );
        assert_eq!(activity(&plan, CHATS, 5, at(0.0)), Activity::Over);
    }

    #[test]
    fn an_unknown_class_has_nothing_to_do() {
        assert_eq!(
            activity(&story(), Crowd::Class(7), 0, at(0.0)),
            Activity::Over
        );
    }

    proptest! {
        #[test]
        fn an_idle_user_becomes_active_exactly_when_told(
            from in 0u32..50, to in 0u32..50, over in 1u64..20_000_000, user in 0u32..50, now in 0u64..20_000_000,
        ) {
            let ramp = Ramp { from, to, over: Duration::from_micros(over) };
            let plan = Plan {
                phases: vec![phase(0.0, 20.0, Load::Closed(vec![ramp]))],
                ..plan()
            };
            if let Activity::Idle { until } = activity(&plan, CHATS, user, Moment::from_micros(now)) {
                let just_before = until - Duration::from_micros(1);
                prop_assert!(ramp.users_at(until.since(Moment::ZERO)) > user);
                prop_assert!(ramp.users_at(just_before.since(Moment::ZERO)) <= user);
            }
        }
    }
}
