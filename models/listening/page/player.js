"use strict";
// All sounds of a trial run at once, in step to the sample; one of them is heard.
//
// Every sound has a source and a gain of its own. A further source plays a window of the loop's
// length into the gain behind them: it fades both ends of the loop, however often it comes round.

const FADE = 0.005; // seconds, at the ends of the loop: ITU-R BS.1534 asks for 5 ms
const CHANGE = 0.01; // seconds, from one sound to another, and into a pause
const SOON = 0.02; // seconds from asking to sounding
const SHORTEST = 0.5; // seconds of a loop, also BS.1534's

class Player {
  /** @param buffers Map, name -> AudioBuffer; all are equally long
   *  @param heard name of the one that is heard first
   *  @param ended called when the sound stops by itself */
  constructor(context, buffers, heard, ended = () => {}) {
    [this.context, this.buffers, this.ended] = [context, buffers, ended];
    const [first] = buffers.values();
    this.rate = first.sampleRate;
    this.duration = first.duration;
    [this.begin, this.end] = [0, this.duration];
    [this.loop, this.playing, this.offset] = [true, false, 0];
    this.heard = heard;
    this.out = context.createGain();
    this.out.connect(context.destination);
    this.running = null;
  }

  /** Where we are, in seconds. */
  get position() {
    if (!this.playing) return this.offset;
    const gone = Math.max(this.context.currentTime - this.running.at, 0) + this.offset - this.begin;
    const length = this.end - this.begin;
    return this.begin + (this.loop ? gone % length : Math.min(gone, length));
  }

  play() {
    if (this.playing) return;
    if (this.offset < this.begin || this.offset >= this.end) this.offset = this.begin;
    const at = this.context.currentTime + SOON;
    const faded = this.context.createGain();
    faded.gain.value = 0;
    faded.connect(this.out);
    const envelope = this.source(this.envelope(), 0, this.end - this.begin);
    envelope.connect(faded.gain);
    const [sources, gains] = [[envelope], new Map()];
    for (const [name, buffer] of this.buffers) {
      const source = this.source(buffer, this.begin, this.end);
      const gain = this.context.createGain();
      gain.gain.value = name === this.heard ? 1 : 0;
      source.connect(gain).connect(faded);
      sources.push(source);
      gains.set(name, gain.gain);
    }
    envelope.start(at, this.offset - this.begin);
    for (const source of sources.slice(1)) source.start(at, this.offset);
    if (!this.loop) for (const source of sources) source.stop(at + this.end - this.offset);
    this.running = { at, sources, gains, faded };
    this.playing = true;
    const { running } = this;
    envelope.onended = () => {
      if (this.running !== running) return;
      faded.disconnect();
      [this.playing, this.running, this.offset] = [false, null, this.begin];
      this.ended();
    };
  }

  pause() {
    if (!this.playing) return;
    this.offset = this.position;
    const { sources, gains, faded } = this.running;
    [this.playing, this.running] = [false, null];
    const gone = this.context.currentTime + CHANGE;
    for (const gain of gains.values()) this.glide(gain, 0);
    sources[0].onended = () => faded.disconnect();
    for (const source of sources) source.stop(gone);
  }

  /** Let another sound be heard; time goes on. */
  choose(name) {
    this.heard = name;
    if (!this.playing) return;
    for (const [each, gain] of this.running.gains) this.glide(gain, each === name ? 1 : 0);
  }

  seek(seconds) {
    this.again(() => { this.offset = Math.min(Math.max(seconds, this.begin), this.end); });
  }

  repeat(loop) {
    this.again(() => { this.loop = loop; });
  }

  /** Loop from one place to another, at least half a second apart; gives whether it does. */
  section(from, to) {
    // whole samples, so that window and sounds come round together
    const [begin, end] = [from, to].map((t) => Math.round(t * this.rate) / this.rate);
    if (end - begin < Math.min(SHORTEST, this.duration)) return false;
    this.again(() => {
      [this.begin, this.end] = [Math.max(begin, 0), Math.min(end, this.duration)];
    });
    return true;
  }

  again(change) {
    const playing = this.playing;
    this.pause();
    change();
    if (playing) this.play();
  }

  source(buffer, begin, end) {
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    [source.loop, source.loopStart, source.loopEnd] = [this.loop, begin, end];
    return source;
  }

  envelope() {
    const length = Math.max(Math.round((this.end - this.begin) * this.rate), 1);
    const buffer = this.context.createBuffer(1, length, this.rate);
    const window = buffer.getChannelData(0).fill(1);
    const edge = Math.min(Math.round(FADE * this.rate), length >> 1);
    for (let i = 0; i < edge; i += 1) {
      window[i] = 0.5 - 0.5 * Math.cos((Math.PI * i) / edge);
      window[length - 1 - i] = window[i];
    }
    return buffer;
  }

  glide(gain, to) {
    const now = this.context.currentTime;
    const from = gain.value;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(from, now);
    gain.linearRampToValueAtTime(to, now + CHANGE);
  }
}
