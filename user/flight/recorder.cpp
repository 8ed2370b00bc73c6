#include "flight/recorder.h"

#include "util/text.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace numadrift::flight {
namespace {

constexpr std::uint64_t kReserveBytes = std::uint64_t{64} << 20; // of free space that is never used
constexpr std::uint64_t kCarriedBytes = 16'000'000;
constexpr std::uint64_t kSpaceEveryNs = 1'000'000'000;
constexpr std::uint64_t kLongestNs = 600'000'000'000; // of what follows the first trigger
constexpr std::uint64_t kSettleNs = 200'000'000;      // after its end, for what is still on the way
constexpr double kReserveShare = 0.01;                // … and of the file system

} // namespace

std::string Recorder::stem_of_file() const {
    std::string stem = options_.file;
    if (stem.ends_with(".ndt")) stem.resize(stem.size() - 4);
    return fmt::format("{}-{:%Y%m%d-%H%M%S}", stem, fmt::localtime(std::time(nullptr)));
}

Status Recorder::check_space(const std::string& file, std::uint64_t needed_bytes) const {
    const std::string parent = std::filesystem::path(file).parent_path().string();
    const std::string directory = parent.empty() ? "." : parent;
    struct statvfs space {};
    if (::statvfs(directory.c_str(), &space) != 0) return Done{}; // creating the file tells what is wrong
    const auto free_bytes = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
    const auto all_bytes = static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize);
    const double kept = std::max(static_cast<double>(kReserveBytes), kReserveShare * all_bytes);
    if (free_bytes >= kept + static_cast<double>(needed_bytes)) return Done{};
    return Error{fmt::format("nothing more is written to {}: {} are free there, and {} are left alone",
                             directory, size_text(static_cast<std::uint64_t>(free_bytes)),
                             size_text(static_cast<std::uint64_t>(kept))),
                 "free some space, or record with -o FILE on another file system"};
}

Result<std::string> Recorder::begin_file(std::uint64_t now_ns) {
    const std::string stem = stem_of_file();
    // As much may follow as is held, and what is carried.
    if (auto status = check_space(stem, 2 * ring_.bytes() + kCarriedBytes); !status) return status.error();
    auto writer = trace::Writer::create_new(stem);
    if (!writer) return writer.error();
    writer_.emplace(*std::move(writer));
    const std::string name = writer_->path();
    if (auto status = ring_.write(*writer_); !status) {
        ::unlink(name.c_str()); // half a window would be all that fits
        writer_.reset();
        return status.error();
    }
    until_ns_ = now_ns + options_.after_ns;
    latest_ns_ = std::max(until_ns_, now_ns + kLongestNs);
    next_space_ns_ = now_ns + kSpaceEveryNs;
    files_.push_back(name);
    while (files_.size() > std::max<std::size_t>(options_.keep, 1)) {
        ::unlink(files_.front().c_str());
        files_.erase(files_.begin());
    }
    return name;
}

Result<std::string> Recorder::trigger(std::uint64_t now_ns, const std::string& reason) {
    if (writer_) {
        until_ns_ = std::max(until_ns_, std::min(latest_ns_, now_ns + options_.after_ns));
        return writer_->path();
    }
    auto name = begin_file(now_ns);
    if (!name) {
        say_(fmt::format("{}: {}", printable(reason), name.error().what));
        return name;
    }
    reason_ = reason;
    say_(fmt::format("{}: writing {}", printable(reason), *name));
    return name;
}

bool Recorder::condition(std::uint64_t now_ns, const std::string& reason) {
    if (writer_ || now_ns < next_condition_ns_) return false;
    next_condition_ns_ = now_ns + options_.every_ns;
    return bool(trigger(now_ns, reason)); // if not, it has said what went wrong
}

void Recorder::give_up_file(const Error& error) {
    say_(fmt::format("{} ends early: {}", writer_->path(), error.what));
    writer_.reset();
}

void Recorder::end_file(const std::string& why) {
    auto status = writer_->add({last_event_ns_, 0, 0, WindowEnd{why}});
    if (status) status = writer_->flush();
    if (!status) return give_up_file(status.error());
    say_(fmt::format("done: {} ({})", writer_->path(), size_text(writer_->bytes())));
    writer_.reset();
}

Status Recorder::add(const Event& event) {
    last_event_ns_ = std::max(last_event_ns_, event.time_ns);
    ring_.add(event);
    if (!writer_) return Done{};
    if (auto status = writer_->add(event); !status) give_up_file(status.error());
    return Done{};
}

Status Recorder::pass(std::uint64_t now_ns) {
    ring_.pass(now_ns);
    if (!writer_) return Done{};
    if (now_ns >= next_space_ns_) {
        next_space_ns_ = now_ns + kSpaceEveryNs;
        if (auto status = check_space(writer_->path(), 0); !status) {
            say_(status.error().what);
            end_file("the disk is nearly full; trigger: " + reason_);
            return Done{};
        }
    }
    if (now_ns >= until_ns_ + kSettleNs) end_file("trigger: " + reason_);
    else if (auto status = writer_->pass(now_ns); !status) give_up_file(status.error());
    return Done{};
}

Status Recorder::end() {
    if (writer_) end_file("the recorder ended after the trigger: " + reason_);
    return Done{};
}

} // namespace numadrift::flight
