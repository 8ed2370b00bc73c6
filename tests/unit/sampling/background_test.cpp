#include "sampling/background.h"

#include "sampled_process.h"

#include <chrono>
#include <doctest/doctest.h>
#include <new>
#include <thread>
#include <unistd.h>

using namespace numadrift;
using namespace numadrift::sampling;
using namespace numadrift::test;

TEST_CASE("a sampler without memory is off from then on, and ends nothing else") {
    const World world;
    SamplerOptions options;
    options.root = world.tree.root();
    options.policies = [](Pid) -> std::vector<PolicyRange> { throw std::bad_alloc(); };
    BackgroundSampler sampler(std::move(options));
    sampler.survey(Pid{100});
    std::vector<Event> events;
    for (int i = 0; i < 1000 && events.empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        sampler.collect(events);
    }
    REQUIRE(events.size() == 1);
    const auto* state = std::get_if<SourceState>(&events.front().payload);
    REQUIRE(state);
    CHECK(state->source == "access_sample");
    CHECK(state->on == 0);
    CHECK(state->why == "no memory is left");
    sampler.survey(Pid{100}); // nobody waits for what does not come
    CHECK_FALSE(sampler.is_surveying());
    sampler.finish();
}
