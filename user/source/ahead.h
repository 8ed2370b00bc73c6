// Reads another source ahead in a thread of its own: a trace is unpacked while what came before is
// analysed. The same batches in the same order.
#pragma once

#include "source/source.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace numadrift {

class AheadSource final : public Source {
public:
    explicit AheadSource(std::unique_ptr<Source> source);
    ~AheadSource() override; // waits for the batch that is being read

    Result<Outcome> next(std::vector<Event>& events) override;

private:
    struct Batch {
        Result<Outcome> outcome;
        std::vector<Event> events;
    };

    void read();

    std::unique_ptr<Source> source_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Batch> ready_;
    std::vector<std::vector<Event>> used_; // to be filled again
    bool stopping_ = false;
    std::thread thread_;
};

} // namespace numadrift
