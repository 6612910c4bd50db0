"use strict";
// Seeded shuffling: the same seed gives the same order in every browser.

/** Numbers from 0 to 1 (mulberry32). */
function drawn(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A shuffled copy (Fisher and Yates). */
function shuffled(items, draw) {
  const made = [...items];
  for (let i = made.length - 1; i > 0; i -= 1) {
    const j = Math.floor(draw() * (i + 1));
    [made[i], made[j]] = [made[j], made[i]];
  }
  return made;
}

/** The trials in a listener's order, each with its sounds in a listener's order. */
function ordered(trials, seed) {
  const draw = drawn(seed);
  return shuffled(trials, draw).map((trial) => ({
    ...trial,
    conditions: shuffled(trial.conditions, draw),
  }));
}
