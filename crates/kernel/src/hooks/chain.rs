//! A chain: the subscribers of one hook point in order of stage, then of the module list.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// When a subscriber runs. Order is vocabulary, never a number; within a stage the module list decides.
///
/// ejabberd's orders map to it so: 20, 25–50, 50–75, 88, 89, 100, 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Counts and measures what comes in.
    Count,
    /// May refuse.
    Guard,
    /// Adds or changes elements.
    Annotate,
    /// Keeps a copy for good.
    Archive,
    /// Sends copies to others.
    Copy,
    /// Looks on.
    Observe,
    /// Removes what nobody outside may see.
    Scrub,
}

/// Whether the event goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To the next subscriber, then to the default action.
    Continue,
    /// The event is dealt with: no further subscriber, no default action.
    Stop,
}

/// What a subscriber returns: done, or a future to wait for. Allocate a future only when it truly waits.
pub enum Step<'a> {
    /// Finished without waiting.
    Done(Flow),
    /// Must wait, for instance for the store.
    Wait(Pin<Box<dyn Future<Output = Flow> + Send + 'a>>),
}

impl Step<'_> {
    /// Go on.
    pub const CONTINUE: Step<'static> = Step::Done(Flow::Continue);
    /// Stop here.
    pub const STOP: Step<'static> = Step::Done(Flow::Stop);
}

/// A place where features may act; see [`super::points`] for the catalogue.
pub trait HookPoint: 'static {
    /// Its name in snapshots and logs.
    const NAME: &'static str;
    /// What subscribers get, by mutable reference.
    type Event<'e>: Send;
}

/// A subscriber's function.
pub type HookFn<P, M> = for<'a, 'e> fn(&'a M, &'a mut <P as HookPoint>::Event<'e>) -> Step<'a>;

trait Subscriber<P: HookPoint>: Send + Sync {
    fn call<'a, 'e>(&'a self, event: &'a mut P::Event<'e>) -> Step<'a>;
}

struct Bound<P: HookPoint, M> {
    module: Arc<M>,
    function: HookFn<P, M>,
}

impl<P: HookPoint, M: Send + Sync> Subscriber<P> for Bound<P, M> {
    fn call<'a, 'e>(&'a self, event: &'a mut P::Event<'e>) -> Step<'a> {
        (self.function)(&self.module, event)
    }
}

struct Link<P: HookPoint> {
    stage: Stage,
    owner: &'static str,
    subscriber: Box<dyn Subscriber<P>>,
}

/// All subscribers of one hook point.
pub struct Chain<P: HookPoint>(Vec<Link<P>>);

impl<P: HookPoint> Chain<P> {
    /// Runs the subscribers in order until one stops the event.
    pub async fn run(&self, event: &mut P::Event<'_>) -> Flow {
        for link in &self.0 {
            let flow = match link.subscriber.call(event) {
                Step::Done(flow) => flow,
                Step::Wait(future) => future.await,
            };
            if flow == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    /// Whether nobody subscribed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One line of the printed hook order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The hook point.
    pub point: &'static str,
    /// The stage.
    pub stage: Stage,
    /// The module.
    pub owner: &'static str,
}

trait AnyChain: Any + Send + Sync {
    fn sort(&mut self);
    fn list(&self) -> Vec<Subscription>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<P: HookPoint> AnyChain for Chain<P> {
    fn sort(&mut self) {
        self.0.sort_by_key(|link| link.stage);
    }

    fn list(&self) -> Vec<Subscription> {
        let line =
            |link: &Link<P>| Subscription { point: P::NAME, stage: link.stage, owner: link.owner };
        self.0.iter().map(line).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Chains under construction.
#[derive(Default)]
pub struct ChainsDraft(HashMap<TypeId, Box<dyn AnyChain>>);

impl ChainsDraft {
    /// Adds a subscriber.
    pub fn add<P: HookPoint, M: Send + Sync + 'static>(
        &mut self,
        owner: &'static str,
        stage: Stage,
        module: Arc<M>,
        function: HookFn<P, M>,
    ) {
        let chain =
            self.0.entry(TypeId::of::<P>()).or_insert_with(|| Box::new(Chain::<P>(Vec::new())));
        let chain: &mut Chain<P> =
            chain.as_any_mut().downcast_mut().expect("a chain is filed under its own type");
        chain.0.push(Link { stage, owner, subscriber: Box::new(Bound { module, function }) });
    }

    /// Puts the subscribers in order; nothing changes afterwards.
    pub fn finish(mut self) -> Chains {
        self.0.values_mut().for_each(|chain| chain.sort());
        Chains(self.0)
    }
}

/// The chains of one generation of a host.
#[derive(Default)]
pub struct Chains(HashMap<TypeId, Box<dyn AnyChain>>);

impl Chains {
    /// The chain of a hook point, if anybody subscribed.
    pub fn get<P: HookPoint>(&self) -> Option<&Chain<P>> {
        self.0.get(&TypeId::of::<P>())?.as_any().downcast_ref()
    }

    /// Runs the chain of a hook point.
    pub async fn run<P: HookPoint>(&self, event: &mut P::Event<'_>) -> Flow {
        match self.get::<P>() {
            Some(chain) => chain.run(event).await,
            None => Flow::Continue,
        }
    }

    /// Every subscription, by point name, in running order.
    pub fn list(&self) -> Vec<Subscription> {
        let mut all: Vec<_> = self.0.values().flat_map(|chain| chain.list()).collect();
        all.sort_by_key(|line| line.point);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Point;
    impl HookPoint for Point {
        const NAME: &'static str = "point";
        type Event<'e> = Vec<&'static str>;
    }

    struct Named(&'static str, Flow);
    fn note<'a>(module: &'a Named, event: &'a mut Vec<&'static str>) -> Step<'a> {
        event.push(module.0);
        Step::Done(module.1)
    }
    fn note_later<'a>(module: &'a Named, event: &'a mut Vec<&'static str>) -> Step<'a> {
        Step::Wait(Box::pin(async move {
            tokio::task::yield_now().await;
            event.push(module.0);
            module.1
        }))
    }

    #[tokio::test]
    async fn stages_order_subscribers_and_stop_ends_the_chain() {
        let mut draft = ChainsDraft::default();
        let module = |name, flow| Arc::new(Named(name, flow));
        draft.add::<Point, _>("d", Stage::Scrub, module("never", Flow::Continue), note);
        draft.add::<Point, _>("c", Stage::Copy, module("third", Flow::Stop), note);
        draft.add::<Point, _>("a", Stage::Guard, module("first", Flow::Continue), note_later);
        draft.add::<Point, _>("b", Stage::Guard, module("second", Flow::Continue), note);
        let chains = draft.finish();
        let mut event = Vec::new();
        assert_eq!(chains.run::<Point>(&mut event).await, Flow::Stop);
        assert_eq!(event, ["first", "second", "third"]);
        assert_eq!(chains.list().len(), 4);
    }
}
