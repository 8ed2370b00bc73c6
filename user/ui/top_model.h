// What the live screen shows: a reading of the last seconds, made anew twice a second or so, and what earlier
// readings said of each thread. A reading is the report of these seconds.
//
// Owns: readings, their history, order and choice of rows. Does not own: how it looks (screen.h).
#pragma once

#include "report/report.h"
#include "window/lately.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace numadrift::ui {

enum class SortBy { remote, cpu, locality, moves, name, tid };

struct TopRow {
    Pid pid{};
    Tid tid{};
    std::string name; // printable
    std::string now;  // home, away, spread, unknown; idle: it did not run
    std::optional<Node> home;
    std::optional<Node> on; // where it ran last
    double cpu = 0;         // of one CPU, in the last seconds
    std::optional<double> remote;
    std::optional<double> locality;
    std::uint64_t moves = 0; // to other nodes
    std::string why;         // what moved it off its home, if it is away
    std::string strip;       // a mark for each reading, the last one at the end
};

class TopModel {
public:
    static constexpr std::uint64_t kWindowNs = 3'000'000'000;
    static constexpr std::size_t kMostMarks = 240;
    static constexpr std::size_t kIdleMarks = 40; // then the history of a thread is forgotten

    void add(const Event& event) { lately_.add(event); }

    // Makes a reading of what is there.
    void read();

    // What parted threads from their memory last, of all readings, in words; empty: nothing has.
    std::string last_incident() const;

    const Report& report() const { return report_; }
    double seconds() const { return seconds_; } // the reading is of
    std::vector<TopRow> rows() const;           // that ran and match, in order
    std::size_t running() const { return rows_.size(); }
    std::size_t threads() const { return std::max(lately_.threads(), rows_.size()); }

    SortBy sort = SortBy::remote;
    bool reversed = false;
    std::string filter; // part of a name, or an id; empty: all

    // As the report tells of it; nothing where it is gone.
    const ThreadReport* find(Pid pid, Tid tid) const;

private:
    using Key = std::pair<Pid, Tid>;
    TopRow row_of(const ThreadReport& thread) const;
    char mark_of_last(const ThreadReport& thread) const;
    void remember_incident();

    // An episode that a reading saw the begin of; begins are of CLOCK_MONOTONIC.
    struct Incident {
        Episode episode;
        std::uint64_t first_ns = 0;
        std::uint64_t last_ns = 0;
    };

    Lately lately_{kWindowNs};
    Report report_;
    double seconds_ = 0;
    std::uint64_t read_until_ns_ = 0; // of CLOCK_MONOTONIC: strips are told up to there
    std::optional<Incident> incident_;
    std::vector<TopRow> rows_;
    std::map<Key, std::string> strips_;
};

} // namespace numadrift::ui
