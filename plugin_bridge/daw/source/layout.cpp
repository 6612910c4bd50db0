// Prints where everything is, as JSON; a test compares it with ../protocol.py.

#include <cstdio>

#include "parameters.hpp"
#include "protocol.hpp"

using namespace bridge;

namespace {

const char* separator = "";

void print(const char* name, double value) {
    std::printf("%s\n  \"%s\": %.17g", separator, name, value);
    separator = ",";
}

}  // namespace

#define CONSTANT(name) print(#name, double(name))
#define FIELD(type, name) print(#type "." #name, double(offsetof(type, name)))

int main() {
    std::printf("{");
    CONSTANT(MAGIC), CONSTANT(VERSION), CONSTANT(INPUTS), CONSTANT(OUTPUTS), CONSTANT(RING);
    CONSTANT(HOPS), CONSTANT(COMMANDS), CONSTANT(SHORTEST_HOP), CONSTANT(LONGEST_HOP);
    CONSTANT(LONGEST_BLOCK), CONSTANT(MOST_LATENCY), CONSTANT(TEXT), CONSTANT(COUNT_BITS);
    CONSTANT(MODEL_RATE), CONSTANT(MODEL_HOP), CONSTANT(MODEL_LATENCY), CONSTANT(VALUES);
    CONSTANT(STATES), CONSTANT(PRESET), CONSTANT(BYPASS), CONSTANT(MIDI);
    FIELD(Hop, before), FIELD(Hop, position), FIELD(Hop, samples), FIELD(Hop, outputs);
    FIELD(Hop, checksum), FIELD(Hop, after);
    FIELD(Command, before), FIELD(Command, position), FIELD(Command, index), FIELD(Command, value);
    FIELD(Command, checksum), FIELD(Command, after);
    FIELD(Text, before), FIELD(Text, length), FIELD(Text, checksum), FIELD(Text, after);
    FIELD(Text, text);
    FIELD(Shared, magic), FIELD(Shared, version), FIELD(Shared, bytes), FIELD(Shared, rate);
    FIELD(Shared, max_block), FIELD(Shared, latency), FIELD(Shared, written);
    FIELD(Shared, commands_written), FIELD(Shared, misses), FIELD(Shared, missed_samples);
    FIELD(Shared, damaged), FIELD(Shared, offline), FIELD(Shared, active);
    FIELD(Shared, engine_clock), FIELD(Shared, ready);
    FIELD(Shared, hop), FIELD(Shared, engine_latency), FIELD(Shared, hops_done);
    FIELD(Shared, hops_skipped), FIELD(Shared, verdict), FIELD(Shared, values);
    FIELD(Shared, project), FIELD(Shared, presets), FIELD(Shared, commands), FIELD(Shared, hops);
    FIELD(Shared, input), FIELD(Shared, output), FIELD(Shared, tails);
    print("sizeof(Hop)", sizeof(Hop)), print("sizeof(Command)", sizeof(Command));
    print("sizeof(Text)", sizeof(Text)), print("sizeof(Shared)", sizeof(Shared));
    print("sizeof(Greeting)", sizeof(Greeting));
    std::printf(",\n  \"parameters\": [");
    for (uint32_t i = 0; i < PRESET; ++i) {
        const Strip& strip = STRIP[i % STRIP_COUNT];
        std::printf("[\"%s.%s\", %g, %g], ", STEMS[i / STRIP_COUNT], strip.symbol, double(strip.least),
                    double(strip.most));
    }
    std::printf("[\"preset\", 0, %g], [\"bypass\", 0, 1]]\n}\n", double(MOST_PRESETS));
}
