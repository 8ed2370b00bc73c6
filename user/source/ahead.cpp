#include "source/ahead.h"

#include "util/guarded.h"

#include <utility>

namespace numadrift {
namespace {

constexpr std::size_t kMostReady = 8;

} // namespace

AheadSource::AheadSource(std::unique_ptr<Source> source)
    : source_(std::move(source)), thread_([this] { read(); }) {}

AheadSource::~AheadSource() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void AheadSource::read() {
    for (;;) {
        std::vector<Event> events;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || ready_.size() < kMostReady; });
            if (stopping_) return;
            if (!used_.empty()) {
                events = std::move(used_.back());
                used_.pop_back();
            }
        }
        Result<Outcome> outcome = Outcome::end;
        if (auto status = guarded([&] { outcome = source_->next(events); }); !status)
            outcome = status.error();
        const bool is_last = !outcome || *outcome == Outcome::end;
        {
            const std::lock_guard lock(mutex_);
            ready_.push_back({std::move(outcome), std::move(events)});
        }
        changed_.notify_all();
        if (is_last) return;
    }
}

Result<Outcome> AheadSource::next(std::vector<Event>& events) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_.empty(); });
    Batch batch = std::move(ready_.front());
    ready_.pop_front();
    events.swap(batch.events);
    used_.push_back(std::move(batch.events));
    lock.unlock();
    changed_.notify_all();
    return std::move(batch.outcome);
}

} // namespace numadrift
