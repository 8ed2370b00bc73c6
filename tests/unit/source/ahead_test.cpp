#include "source/ahead.h"

#include <doctest/doctest.h>
#include <new>

using namespace numadrift;

namespace {

// So many batches of one event each, then the end or an error.
class Counting final : public Source {
public:
    Counting(std::uint64_t batches, bool fails) : batches_(batches), fails_(fails) {}
    Result<Outcome> next(std::vector<Event>& events) override {
        events.clear();
        if (at_ == batches_)
            return fails_ ? Result<Outcome>(Error{"broken", {}}) : Result<Outcome>(Outcome::end);
        events.push_back({at_++, 1, 1, Mark{"x"}});
        return Outcome::batch;
    }

private:
    std::uint64_t batches_;
    std::uint64_t at_ = 0;
    bool fails_;
};

} // namespace

TEST_CASE("what is read ahead comes in order, to the end or the error") {
    for (const bool fails : {false, true}) {
        AheadSource ahead(std::make_unique<Counting>(1000, fails));
        std::vector<Event> events;
        for (std::uint64_t i = 0; i < 1000; ++i) {
            REQUIRE(*ahead.next(events) == Outcome::batch);
            REQUIRE(events.size() == 1);
            CHECK(events[0].time_ns == i);
        }
        const auto last = ahead.next(events);
        CHECK(static_cast<bool>(last) != fails);
    }
}

TEST_CASE("a source that throws is an error, not the end of the program") {
    class Throwing final : public Source {
    public:
        Result<Outcome> next(std::vector<Event>&) override { throw std::bad_alloc(); }
    };
    AheadSource ahead(std::make_unique<Throwing>());
    std::vector<Event> events;
    const auto outcome = ahead.next(events);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().what == "no memory is left");
}

TEST_CASE("a reader that goes early does not wait for the whole trace") {
    AheadSource ahead(std::make_unique<Counting>(UINT64_MAX, false));
    std::vector<Event> events;
    CHECK(*ahead.next(events) == Outcome::batch);
}
