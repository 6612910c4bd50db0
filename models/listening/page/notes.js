"use strict";
// What a listener has done, kept in this browser where it allows that.

class Notes {
  constructor(test) {
    this.place = `listening-${test}`;
    this.test = test;
    this.kept = true;
    const held = this.stored();
    this.name = held?.name ?? "";
    this.seed = held?.seed ?? newSeed();
    this.begun = held?.begun ?? false;
    this.trial = held?.trial ?? 0;
    this.ratings = held?.ratings ?? {};
  }

  stored() {
    try {
      return JSON.parse(localStorage.getItem(this.place));
    } catch {
      this.kept = false;
      return null;
    }
  }

  keep() {
    const { name, seed, begun, trial, ratings } = this;
    try {
      localStorage.setItem(this.place, JSON.stringify({ name, seed, begun, trial, ratings }));
    } catch {
      this.kept = false;
    }
  }

  forget() {
    Object.assign(this, { name: "", seed: newSeed(), begun: false, trial: 0, ratings: {} });
    this.keep();
  }

  rating(trial, sound, scale) {
    return this.ratings[trial]?.[sound]?.[scale];
  }

  rate(trial, sound, scale, value) {
    ((this.ratings[trial] ??= {})[sound] ??= {})[scale] = value;
    this.keep();
  }

  /** How many ratings of a trial are made. */
  made(trial) {
    return Object.values(this.ratings[trial] ?? {}).reduce((n, each) => n + Object.keys(each).length, 0);
  }

  /** The file that `python -m models.listening read` takes. */
  file() {
    const { test, name, seed, ratings } = this;
    const saved = new Date().toISOString();
    return JSON.stringify({ format: 1, test, listener: { name, seed }, saved, ratings }, null, 1);
  }
}

function newSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] % 1000000;
}
