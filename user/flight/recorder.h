// The flight recorder: keeps the last minutes in a ring; a trigger writes them to a file, and what follows
// for a while, and the ring goes on. Never fills the disk, nor the directory.
#pragma once

#include "flight/ring.h"
#include "trace/sink.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace numadrift::flight {

struct Options {
    RingLimits ring;
    std::uint64_t after_ns = 10'000'000'000; // so long a file goes on after its trigger
    std::uint64_t every_ns = 60'000'000'000; // conditions write no more than one file in that time
    std::size_t keep = 10;                   // files; older ones of this recorder are deleted
    std::string file;                        // DIR/NAME.ndt: the time of the trigger goes before the .ndt
};

class Recorder final : public trace::Sink {
public:
    // say: one line for people, when a file is begun, done or not possible.
    Recorder(Options options, std::function<void(const std::string&)> say)
        : options_(std::move(options)), ring_(options_.ring), say_(std::move(say)) {}

    Status add(const Event& event) override;
    Status pass(std::uint64_t now_ns) override;
    Status end() override; // a file that is under way ends here
    std::uint64_t bytes() const override { return ring_.bytes(); }

    // Begins a file, or lets the one under way go on for longer, up to ten minutes. Answers its name, or why
    // there is none. Somebody asked for it: no rate limits.
    Result<std::string> trigger(std::uint64_t now_ns, const std::string& reason);

    // A condition came true: nothing happens while a file is under way, or too soon after the last one.
    // True if a file was begun.
    bool condition(std::uint64_t now_ns, const std::string& reason);

    // When the file under way is to end; a look at run times is due then. 0: there is none.
    std::uint64_t until_ns() const { return writer_ ? until_ns_ : 0; }

    const std::vector<std::string>& files() const { return files_; } // there are, oldest first

private:
    Result<std::string> begin_file(std::uint64_t now_ns);
    Status check_space(const std::string& file, std::uint64_t needed_bytes) const;
    std::string stem_of_file() const;
    void end_file(const std::string& why);
    void give_up_file(const Error& error);

    Options options_;
    Ring ring_;
    std::function<void(const std::string&)> say_;
    std::optional<trace::Writer> writer_;
    std::string reason_; // of the file under way
    std::uint64_t until_ns_ = 0;
    std::uint64_t latest_ns_ = 0;     // it cannot be prolonged beyond that
    std::uint64_t next_space_ns_ = 0; // when it is looked at the free space again
    std::uint64_t last_event_ns_ = 0;
    std::uint64_t next_condition_ns_ = 0;
    std::vector<std::string> files_;
};

} // namespace numadrift::flight
