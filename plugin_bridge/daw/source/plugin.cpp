// The plugin as hosts see it: ports, parameters and state around a Player and a Link.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "DistrhoPlugin.hpp"
#include "link.hpp"
#include "parameters.hpp"
#include "player.hpp"

START_NAMESPACE_DISTRHO

using namespace bridge;

class StemBridge : public Plugin {
public:
    StemBridge() : Plugin(PARAMETERS, 0, 1) {
        for (auto& value : values_) value = 0.f;
        setLatency(latency_of(usual_course(getSampleRate()), block()));
    }

protected:
    const char* getLabel() const override { return "StemBridge"; }
    const char* getDescription() const override {
        return "Vocals, drums, bass and other of a stereo track, each on its own bus.";
    }
    const char* getMaker() const override { return "plugin_bridge"; }
    const char* getLicense() const override { return "GPL-3.0-or-later"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('P', 'B', 's', 'b'); }

    void initAudioPort(bool input, uint32_t index, AudioPort& port) override {
        const char* side = index % 2 ? " R" : " L";
        const uint32_t bus = index / 2;
        const bool main = input || bus == 0;
        port.groupId = main ? uint32_t(kPortGroupStereo) : bus - 1;
        port.name = String(input ? "In" : main ? "Mix" : STEM_NAMES[bus - 1]) + side;
        port.symbol = String(input ? "in" : main ? "mix" : STEMS[bus - 1]) + (index % 2 ? "_r" : "_l");
    }

    void initPortGroup(uint32_t id, PortGroup& group) override {
        if (id >= STEM_COUNT) return;
        group.name = STEM_NAMES[id];
        group.symbol = STEMS[id];
    }

    void initParameter(uint32_t index, Parameter& parameter) override {
        parameter.hints = kParameterIsAutomatable;
        if (index < PRESET) {
            const uint32_t stem = index / STRIP_COUNT;
            const Strip& strip = STRIP[index % STRIP_COUNT];
            parameter.name = String(STEM_NAMES[stem]) + " " + strip.name;
            parameter.symbol = String(STEMS[stem]) + "_" + strip.symbol;
            parameter.ranges = ParameterRanges(0.f, strip.least, strip.most);
            if (strip.is_switch) parameter.hints |= kParameterIsBoolean | kParameterIsInteger;
            if (index % STRIP_COUNT == 0) parameter.unit = "dB";
            return;
        }
        if (index == PRESET) {
            parameter.name = "Preset";
            parameter.symbol = "preset";
            parameter.hints |= kParameterIsInteger;
            parameter.ranges = ParameterRanges(0.f, 0.f, MOST_PRESETS);
        } else if (index == BYPASS) {
            // Not DPF's designation: that would invert it in LV2 and rename it.
            parameter.name = "Bypass";
            parameter.symbol = "bypass";
            parameter.hints |= kParameterIsBoolean | kParameterIsInteger;
            parameter.ranges = ParameterRanges(0.f, 0.f, 1.f);
        } else if (index == STATE) {
            parameter.name = "State";
            parameter.symbol = "state";
            parameter.hints = kParameterIsOutput | kParameterIsInteger;
            parameter.ranges = ParameterRanges(0.f, 0.f, STATES - 1);
            auto* values = new ParameterEnumerationValue[STATES];
            for (uint32_t i = 0; i < STATES; ++i) {
                values[i].value = float(i);
                values[i].label = STATE_NAMES[i];
            }
            parameter.enumValues.count = STATES;
            parameter.enumValues.restrictedMode = true;
            parameter.enumValues.values = values;
        } else {
            parameter.name = "Misses";
            parameter.symbol = "misses";
            parameter.hints = kParameterIsOutput | kParameterIsInteger;
            parameter.ranges = ParameterRanges(0.f, 0.f, 1e6f);
        }
    }

    float getParameterValue(uint32_t index) const override {
        if (index < VALUES) return values_[index].load(std::memory_order_relaxed);
        if (index == MISSES) return float(std::min<uint64_t>(player_.misses, 1'000'000));
        const Condition found = link_.state(epoch_);
        // What is said of its preset would be said of an engine that is heard.
        const bool heard = found == PLAYING || found == PRESET_MISSING || found == PRESET_CHANGED;
        return float(heard && player_.too_late ? LATENCY : found);
    }

    void setParameterValue(uint32_t index, float value) override {
        if (index >= VALUES || !std::isfinite(value)) return;
        const Strip& strip = STRIP[index % STRIP_COUNT];
        const float least = index < PRESET ? strip.least : 0.f;
        const float most = index < PRESET ? strip.most : index == PRESET ? MOST_PRESETS : 1.f;
        const bool whole = index >= PRESET || strip.is_switch;
        value = std::clamp(value, least, most);
        values_[index].store(whole ? std::round(value) : value, std::memory_order_relaxed);
    }

    void initState(uint32_t, State& state) override {
        state.hints = kStateIsOnlyForDSP;
        state.key = "presets";
        state.label = "Presets";
        state.description = "Name and SHA-256 of the presets by number";
        state.defaultValue = "";
    }
    String getState(const char*) const override { return String(link_.project().c_str()); }
    void setState(const char* key, const char* value) override {
        if (std::strcmp(key, "presets") == 0 && value[0]) link_.set_project(value);
    }

    void activate() override {
        const double rate = getSampleRate();
        const bool same = rate == rate_ && block() == block_ && link_.attached && player_.plays;
        rate_ = rate;
        block_ = block();
        link_.begin(++epoch_, rate_, block_);
        // A host may begin anew at any time and on any thread: what is known is not asked again.
        if (!same) {
            course_ = usual_course(rate_);
            link_.await(epoch_, course_);
            latency_ = latency_of(course_, block_);
        }
        setLatency(latency_);
        player_.prepare(link_.shared(), epoch_, latency_, rate_, block_);
        write(link_.shared()->latency, latency_);
    }

    void deactivate() override { write(link_.shared()->active, 0u); }

    void bufferSizeChanged(uint32_t) override { foretell(); }
    void sampleRateChanged(double) override { foretell(); }

    void offlineChanged(bool offline) override { offline_.store(offline, std::memory_order_relaxed); }

    void run(const float** in, float** out, uint32_t count, const MidiEvent* events,
             uint32_t event_count) override {
        float values[VALUES];
        for (uint32_t i = 0; i < VALUES; ++i) values[i] = values_[i].load(std::memory_order_relaxed);
        player_.send(values);
        for (uint32_t i = 0; i < event_count; ++i)
            if (is_bindable(events[i])) player_.post(events[i].frame, MIDI, number_of(events[i].data));
        const bool offline = offline_.load(std::memory_order_relaxed);
        for (uint32_t done = 0; done < count;) {
            const uint32_t part = std::min(count - done, LONGEST_BLOCK);
            const float* from[INPUTS];
            float* to[OUTPUTS];
            for (uint32_t c = 0; c < INPUTS; ++c) from[c] = in[c] + done;
            for (uint32_t c = 0; c < OUTPUTS; ++c) to[c] = out[c] + done;
            player_.run(from, to, part, offline);
            done += part;
        }
    }

private:
    // What the next activation should say: some hosts ask before it, and not again.
    void foretell() {
        const double rate = getSampleRate();
        setLatency(latency_of(rate == rate_ ? course_ : usual_course(rate), block()));
    }

    // What a preset's MIDI map can answer to: notes, controllers and program changes.
    static bool is_bindable(const MidiEvent& event) {
        const uint8_t kind = event.data[0] & 0xf0;
        const bool known = kind == 0x80 || kind == 0x90 || kind == 0xb0 || kind == 0xc0;
        return known && (event.size == 2 || event.size == 3);
    }

    // Exact: a float has 24 bits.
    static float number_of(const uint8_t* bytes) {
        return float(bytes[0] << 16 | bytes[1] << 8 | bytes[2]);
    }

    uint32_t block() const { return std::clamp(getBufferSize(), 1u, LONGEST_BLOCK); }

    mutable Link link_;
    Player player_;
    std::atomic<float> values_[VALUES];
    std::atomic<bool> offline_{false};
    uint64_t epoch_ = 0;
    double rate_ = 0;
    Course course_;  // of the last activation
    uint32_t block_ = 0, latency_ = 0;

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(StemBridge)
};

Plugin* createPlugin() { return new StemBridge; }

END_NAMESPACE_DISTRHO
