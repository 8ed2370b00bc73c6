// From raw samples to access_sample events: decodes, sorts out what is no data, asks on which node
// the rest is, within the budget of page_query.h. Beside that it surveys the residency of whole
// processes.
//
// Owns: mappings of the targets, what is waiting to be asked. Does not own: taking samples
// (source/live), their meaning (analysis/).
#pragma once

#include "event/event.h"
#include "sampling/decoder.h"
#include "sampling/mappings.h"
#include "sampling/page_query.h"
#include "sampling/residency.h"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace numadrift::sampling {

struct SamplerOptions {
    std::string root; // before /proc
    // Policies of a process' mappings; may be empty.
    std::function<std::vector<PolicyRange>(Pid)> policies;
    Decoder::Learned learned; // is told recipes, so that the kernel side follows them; may be empty
    PageQuery::Ask ask;       // where pages are; empty: by move_pages(2)
    // Which parts of a range may hold memory; empty: nobody can tell.
    std::function<std::vector<AddressRange>(Pid, const AddressRange&)> populated;
    // Which of the pages that were asked for last are pinned; empty where nobody can tell.
    std::function<std::vector<bool>()> pinned;
};

// A sample whose address was worked out; by the kernel side itself, then its page was looked up too.
struct Answer {
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::uint64_t address = 0;
    Access::Kind kind = Access::Kind::opaque;
    Where where = Where::user;
    Node node = kNoNode;
    bool is_code = false;       // the page may be executed
    bool is_unreadable = false; // its page table was
};

class Sampler {
public:
    explicit Sampler(SamplerOptions options);
    Sampler(SamplerOptions options, PageQuery query);

    void take(const RawSample& sample);
    void take(const Answer& answer, std::vector<Event>& events);

    // Samples of the thread that were given up before they came here.
    void skip(std::uint32_t pid, std::uint32_t tid, std::uint32_t count);

    // Once every few milliseconds: asks what may be asked now, appends what became known, dated to
    // when the sample was taken.
    void pass(std::vector<Event>& events);

    bool is_waiting() const { return !waiting_.empty(); }
    bool is_surveying() const { return survey_ || !surveys_wanted_.empty(); }
    bool is_busy() const { return is_waiting() || is_surveying(); }
    void give_up_waiting(); // counts what is waiting as not asked for

    // The counts since the last time, as events; to be called now and then, and at the end.
    void tell_counts(std::uint64_t now_ns, std::vector<Event>& events);

    // The recording is about to end: questions that hold no lock of the process may have half of a CPU.
    // False: they do hold it.
    bool hurry() { return query_.hurry(); }

    // Wants the residency of a process surveyed; each waits for its turn.
    void survey(Pid pid);
    void forget(Pid pid); // it ended, or runs another program

    std::uint64_t query_ns() const { return query_.spent_ns(); }

private:
    struct Known { // of a process
        Mappings mappings;
        std::string sizes; // of its mappings in all, before they were read
        std::uint64_t read_ns = 0;
        std::uint64_t next_read_ns = 0;
        std::uint64_t pause_ns = 0; // until then, longer each time it was in vain
    };
    struct Waiting {
        std::uint64_t time_ns = 0;
        std::uint32_t pid = 0;
        std::uint32_t tid = 0;
        std::uint64_t address = 0; // of a base: of a page of its mapping, drawn at random
        std::uint8_t how = 0;
        int draws_left = 0;
        std::uint64_t page() const;
    };
    // Is it of memory that counts? By its kind and its mapping.
    bool is_data(const Answer& sample, Sampling& count);
    void wait_for(const Answer& known);
    void draw(Waiting& sample);

    const Mapping* mapping_of(std::uint32_t pid, std::uint64_t address, std::uint64_t now_ns);
    bool read_mappings(std::uint32_t pid, Known& known, std::uint64_t now_ns);
    std::string sizes_of(std::uint32_t pid) const;
    void thin_out();
    void tell_forbidden(std::uint64_t now_ns, std::vector<Event>& events);
    std::size_t ask_waiting(std::size_t most, std::vector<Event>& events);
    void ask_survey(std::size_t most, std::vector<Event>& events);

    SamplerOptions options_;
    PageQuery query_;
    Decoder decoder_;
    std::mt19937_64 random_{1};
    std::map<std::uint32_t, Known> processes_;
    std::deque<Waiting> waiting_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Sampling> counts_; // by pid and tid
    std::deque<Pid> surveys_wanted_;
    std::optional<std::pair<Pid, ResidencySurvey>> survey_; // under way
    std::uint64_t passes_ = 0;
    bool told_forbidden_ = false;
};

} // namespace numadrift::sampling
