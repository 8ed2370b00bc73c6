#include "source/file.h"
#include "story.h"
#include "temporary.h"
#include "trace/writer.h"

#include "report/json.h"

#include <cerrno>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <random>
#include <sys/stat.h>

using namespace numadrift;
using numadrift::test::Story;
using numadrift::test::Temporary;

namespace {

// One event of each kind, every field with a value of its own.
std::vector<Event> one_of_each() {
    std::vector<Event> events;
    std::uint64_t number = 1;
    const auto fill = [&number](const char*, auto& field) {
        using Field = std::decay_t<decltype(field)>;
        if constexpr (std::is_same_v<Field, std::string>) field = "text-" + std::to_string(number++);
        else field = static_cast<Field>(static_cast<Field>(0) - static_cast<Field>(number++ * 3));
    };
#define ND_ADD(code, lower, Type)                                                                            \
    {                                                                                                        \
        Type fields;                                                                                         \
        Type::visit_fields(fields, fill);                                                                    \
        events.push_back({1000 + number, 4'000'000'000u, static_cast<std::uint32_t>(number), fields});       \
    }
    ND_EVENTS(ND_ADD)
#undef ND_ADD
    return events;
}

std::string write_trace(const Temporary& file, const std::vector<Event>& events,
                        std::size_t per_chunk = SIZE_MAX) {
    auto writer = trace::Writer::create(file.path());
    REQUIRE(writer);
    std::size_t count = 0;
    for (const Event& event : events) {
        REQUIRE(writer->add(event));
        if (++count % per_chunk == 0) REQUIRE(writer->flush());
    }
    REQUIRE(writer->flush());
    return file.read();
}

std::vector<Event> read_trace(const std::string& path) {
    auto source = FileSource::open(path);
    REQUIRE(source);
    std::vector<Event> all;
    std::vector<Event> batch;
    while (*(*source)->next(batch) != Outcome::end) all.insert(all.end(), batch.begin(), batch.end());
    return all;
}

Story drifting_story() {
    Story story;
    story.seen(7, 0)
        .at(1)
        .touch(7, 100, 100, 0)
        .at(200)
        .move(7, 0, 2, 190)
        .at(700)
        .runtime(7, 2, 670)
        .at(701)
        .end();
    return story;
}

// What a reader says that has no bytes to show: more damage, less of everything else.
bool says_damage(const Report& report) {
    return report.lost.damages > 0 && !report.complete;
}

} // namespace

TEST_CASE("every field of every event comes back as it was written") {
    const Temporary file;
    const auto events = one_of_each();
    write_trace(file, events);
    CHECK(read_trace(file.path()) == events);
}

TEST_CASE("report of the live events and report of the replay are the same, byte for byte") {
    const Temporary file;
    const Story story = drifting_story();
    write_trace(file, story.events, 3);
    auto source = FileSource::open(file.path());
    CHECK(render_json(*make_report(**source, {})) == render_json(story.report()));
}

TEST_CASE("names of any bytes survive") {
    const Temporary file;
    std::vector<Event> events = {{5, 1, 2, TaskRename{std::string("\x1b[31m\xff\x00<", 8)}}};
    write_trace(file, events);
    CHECK(read_trace(file.path()) == events);
}

TEST_CASE("a torn tail: what is whole is read, what is missing is said") {
    const Temporary file;
    const auto bytes = write_trace(file, drifting_story().events, 5);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Temporary cut(bytes.substr(0, size));
        auto source = FileSource::open(cut.path());
        if (!source) {
            CHECK(size < trace::kFileMagic.size());
            CHECK_FALSE(source.error().what.empty());
            continue;
        }
        const auto report = make_report(**source, {});
        REQUIRE(report);
        CHECK_FALSE(report->complete);
    }
}

namespace {

#if defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

} // namespace

TEST_CASE("any byte of a trace changed to any other value is noticed, and never crashes") {
    const Temporary file;
    const auto bytes = write_trace(file, drifting_story().events, 12);
    std::size_t unnoticed = 0;
    std::size_t refused = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at)
        for (int flip = 1; flip < 256; ++flip) {
            const bool is_one_bit = (flip & (flip - 1)) == 0;
            if (kIsSanitized && !is_one_bit) continue; // ten times slower; memory is read alike
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(damaged[at] ^ flip);
            file.write(damaged);
            auto source = FileSource::open(file.path());
            if (!source) {
                ++refused;
                continue;
            }
            const auto report = make_report(**source, {});
            unnoticed += !report || !says_damage(*report);
        }
    CHECK(unnoticed == 0);
    CHECK(refused == 0); // one bad byte is never a reason to refuse the whole trace
}

TEST_CASE("damage in the middle costs the chunk it hits, not what follows") {
    const Temporary file;
    auto bytes = write_trace(file, drifting_story().events, 5);
    const auto second = bytes.find(trace::kChunkMagic, bytes.find(trace::kChunkMagic) + 4);
    bytes[second + trace::kHeadBytes + 3] ^= 0x40;
    const Temporary copy(bytes);
    const auto events = read_trace(copy.path());
    const auto all = drifting_story().events;
    std::size_t damages = 0;
    for (const auto& event : events) damages += std::holds_alternative<Damage>(event.payload);
    CHECK(damages == 1);
    CHECK(events.size() == all.size() - 5 + 1);
    CHECK(events.back() == all.back());
}

TEST_CASE("a chunk that is gone without a trace is damage too") {
    const Temporary file;
    auto bytes = write_trace(file, drifting_story().events, 5);
    const auto second = bytes.find(trace::kChunkMagic, bytes.find(trace::kChunkMagic) + 4);
    const auto third = bytes.find(trace::kChunkMagic, second + 4);
    bytes.erase(second, third - second);
    const Temporary copy(bytes);
    auto source = FileSource::open(copy.path());
    CHECK(says_damage(*make_report(**source, {})));
}

TEST_CASE("what is no trace is refused with a hint") {
    const Temporary empty("");
    const Temporary other("#!/bin/sh\necho a long enough file of another kind\n");
    for (const auto* file : {&empty, &other}) {
        const auto source = FileSource::open(file->path());
        REQUIRE_FALSE(source);
        CHECK(source.error().what.find("is not a numadrift trace") != std::string::npos);
        CHECK_FALSE(source.error().hint.empty());
    }
    const auto missing = FileSource::open("/nonexistent/x.ndt");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().what.find("No such file") != std::string::npos);
}

TEST_CASE("an event from a newer version: unknown kinds and further fields are skipped") {
    std::vector<Event> events;
    trace::ChunkEncoder encoder;
    encoder.add({1, 2, 3, Payload{}}); // number 0: no such kind
    encoder.add({2, 2, 3, Mark{"known"}});
    const auto chunk = encoder.finish(0);
    trace::ChunkHead head;
    REQUIRE(trace::decode_head(chunk, head));
    std::string raw;
    REQUIRE(trace::inflate_body(head, std::string_view(chunk).substr(trace::kHeadBytes), raw));
    trace::ChunkDecoder decoder(raw);
    decoder.next(events, 10);
    CHECK(decoder.ok());
    CHECK(decoder.done());
    REQUIRE(events.size() == 1);
    CHECK(std::get<Mark>(events[0].payload).text == "known");
}

namespace {

// A chunk's inside by hand: one thread, one Mark with these columns.
std::string inside(std::initializer_list<std::string> columns) {
    std::string raw;
    for (const char byte : {1, 2, 3, 1, 4}) raw.push_back(byte); // a thread (2, 3); a text of 4 bytes
    raw += "text";
    raw += {1, static_cast<char>(ND_EVENT_mark)};
    raw.push_back(static_cast<char>(columns.size()));
    for (const std::string& column : columns) raw += column;
    raw.push_back(1); // event
    const std::uint32_t thread = 0;
    for (const std::uint64_t value : {std::uint64_t{ND_EVENT_mark}, std::uint64_t{0}, std::uint64_t{7}})
        trace::put_column(raw, {&value, 1}, {&thread, 1}, 1);
    return raw;
}

std::string constant(std::uint64_t value) {
    std::string column;
    const std::uint32_t thread = 0;
    trace::put_column(column, {&value, 1}, {&thread, 1}, 1);
    return column;
}

std::vector<Event> events_of(const std::string& raw, bool& ok) {
    std::vector<Event> events;
    trace::ChunkDecoder decoder(raw);
    decoder.next(events, 10);
    ok = decoder.ok();
    return events;
}

} // namespace

TEST_CASE("fields of a newer version are passed over, those an older one lacked are empty") {
    bool ok = false;
    CHECK(std::get<Mark>(events_of(inside({constant(0)}), ok).at(0).payload).text == "text");
    CHECK(ok);
    CHECK(std::get<Mark>(events_of(inside({constant(0), constant(99)}), ok).at(0).payload).text == "text");
    CHECK(ok);
    CHECK(std::get<Mark>(events_of(inside({}), ok).at(0).payload).text.empty());
    CHECK(ok);
    CHECK(events_of(inside({constant(1)}), ok).empty()); // there is no second text
    CHECK_FALSE(ok);
}

TEST_CASE("a column comes back as it was, however it was coded") {
    std::minstd_rand random;
    const std::size_t count = 1000;
    std::vector<std::uint32_t> threads;
    for (std::size_t i = 0; i < count; ++i) threads.push_back(static_cast<std::uint32_t>(random() % 5));
    const auto make = [&](auto&& value) {
        std::vector<std::uint64_t> values;
        for (std::size_t i = 0; i < count; ++i) values.push_back(value(i));
        return values;
    };
    std::vector<std::uint64_t> clocks(5);
    const std::vector<std::vector<std::uint64_t>> columns = {
        make([](std::size_t) { return UINT64_MAX; }),
        make([&](std::size_t) { return random() % 3 == 0 ? UINT64_MAX : random() % 7; }),
        make([&](std::size_t) { return std::uint64_t{random()} << 33 | random(); }),
        make([&](std::size_t i) { return 0x7f0000000000 + 4096 * i; }),
        make([&](std::size_t i) {
            return clocks[threads[i]] += random() % 1000 + (std::uint64_t{threads[i]} << 40);
        }),
    };
    for (const auto& values : columns) {
        std::string bytes;
        trace::put_column(bytes, values, threads, 5);
        Cursor in(bytes);
        trace::Column column(in, 5);
        std::size_t same = 0;
        for (std::size_t i = 0; i < count; ++i) same += column.next(threads[i]) == values[i];
        CHECK(same == count);
        CHECK(column.ok());
        CHECK(in.done());
    }
}

TEST_CASE("runs of first touches in order take little room") {
    trace::ChunkEncoder encoder;
    for (std::uint64_t i = 0; i < 10'000; ++i)
        encoder.add(
            {1000 * i, 5, 5, FirstTouch{0x7f0000000000 + 4096 * 20 * i, 20, 0, ND_MEMORY_anonymous, 5}});
    CHECK(encoder.finish(0).size() < 2'000);
}

TEST_CASE("a small file costs little, whatever it says") {
    trace::ChunkEncoder encoder;
    for (int i = 0; i < 32768; ++i) encoder.add({1000, 7, 7, Runtime{0, 5, 0}});
    std::string chunk = encoder.finish(0);
    std::string bytes(trace::kFileMagic);
    for (std::uint32_t sequence = 0; sequence < 200; ++sequence) {
        trace::renumber(chunk, sequence);
        bytes += chunk;
    }
    REQUIRE(bytes.size() < 100'000);
    const Temporary file(bytes);
    auto source = FileSource::open(file.path());
    REQUIRE(source);
    std::size_t events = 0;
    std::size_t damages = 0;
    for (std::vector<Event> batch; *(*source)->next(batch) != Outcome::end; events += batch.size())
        damages += std::holds_alternative<Damage>(batch.back().payload);
    CHECK(events > 1u << 20); // no more than that is free
    CHECK(events < (1u << 20) + 16 * bytes.size() + 2048);
    CHECK(damages > 50);
}

TEST_CASE("a trace is private: mode 0600, and a symbolic link is not followed") {
    const Temporary file("old content");
    REQUIRE(::chmod(file.path().c_str(), 0644) == 0);
    write_trace(file, drifting_story().events);
    struct stat status {};
    REQUIRE(::stat(file.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);

    const std::string link = file.path() + ".link";
    REQUIRE(::symlink(file.path().c_str(), link.c_str()) == 0);
    const auto writer = trace::Writer::create(link);
    ::unlink(link.c_str());
    REQUIRE_FALSE(writer);
    CHECK(writer.error().hint.find("symbolic link") != std::string::npos);
}

TEST_CASE("two traces never share a file") {
    const Temporary file("old content");
    {
        const auto first = trace::Writer::create(file.path());
        REQUIRE(first);
        const auto second = trace::Writer::create(file.path());
        REQUIRE_FALSE(second);
        CHECK(second.error().what.find("another numadrift is writing to it") != std::string::npos);
    }
    CHECK(trace::Writer::create(file.path())); // it is over

    const std::string stem = file.path() + ".new";
    const auto one = trace::Writer::create_new(stem);
    const auto other = trace::Writer::create_new(stem);
    REQUIRE((one && other));
    CHECK(one->path() == stem + ".ndt");
    CHECK(other->path() == stem + "-2.ndt");
    for (const auto* writer : {&*one, &*other}) ::unlink(writer->path().c_str());
}

TEST_CASE("what is not the user's, or no file, is not written to") {
    if (::geteuid() == 0) {
        const Temporary file("somebody else's");
        REQUIRE(::chown(file.path().c_str(), 65534, 65534) == 0);
        const auto writer = trace::Writer::create(file.path());
        REQUIRE_FALSE(writer);
        CHECK(writer.error().what.find("it belongs to user 65534") != std::string::npos);
        const auto kept = read_file(file.path());
        REQUIRE(kept);
        CHECK(*kept == "somebody else's");
    }
    const Temporary place("");
    const std::string fifo = place.path() + ".fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(trace::Writer::create(fifo)); // and nobody waits for a reader
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    CHECK_FALSE(trace::Writer::create(fifo));
    ::close(reader);
    ::unlink(fifo.c_str());
}

TEST_CASE("a full disk is a clear error") {
    auto writer = trace::Writer::create("/dev/full");
    REQUIRE_FALSE(writer);
    CHECK(writer.error().what.find("No space left") != std::string::npos);
    CHECK_FALSE(writer.error().hint.empty());
}

TEST_CASE("a place that cannot be written is a clear error") {
    const auto writer = trace::Writer::create("/nonexistent/dir/x.ndt");
    REQUIRE_FALSE(writer);
    CHECK(writer.error().what.find("/nonexistent/dir/x.ndt") != std::string::npos);
    CHECK_FALSE(writer.error().hint.empty());
}
