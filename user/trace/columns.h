// A column of numbers as bytes, in whichever way of FORMAT.md takes fewest. Pure; knows nothing of
// events but that each belongs to a thread, whose values resemble each other.
#pragma once

#include "util/bytes.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace numadrift::trace {

enum class Coding : std::uint8_t {
    constant, // one value for all
    plain,    // each by itself
    delta,    // differences to the value before
    thread,   // differences to the value before of the same thread
    table,    // an index into the values there are
};

// threads: of each value, numbers below `thread_count`.
void put_column(std::string& out, std::span<const std::uint64_t> values,
                std::span<const std::uint32_t> threads, std::size_t thread_count);

// Reads a column value by value. Past its end, or where it is malformed, it answers 0 and is not ok.
class Column {
public:
    // What put_column wrote, at the front of `in`. thread_count: numbers of threads there may be.
    Column(Cursor& in, std::size_t thread_count);
    Column() = default; // of a field the writer did not know: all 0

    bool is_absent() const { return is_absent_; }
    bool ok() const { return ok_; }

    std::uint64_t next(std::uint32_t thread) {
        switch (coding_) {
        case Coding::constant: return previous_;
        case Coding::plain: return number();
        case Coding::delta: return previous_ += number();
        case Coding::thread: return previous_of_[thread] += number();
        case Coding::table: {
            const std::uint64_t index = rest_.varint();
            if (index < table_.size()) return table_[index];
            ok_ = false;
            return 0;
        }
        }
        return 0;
    }

private:
    std::uint64_t number() {
        const std::uint64_t value = static_cast<std::uint64_t>(unzigzag(rest_.varint())) << shift_;
        if (!rest_.ok()) ok_ = false;
        return value;
    }

    Coding coding_ = Coding::constant;
    bool ok_ = true;
    bool is_absent_ = true;
    unsigned shift_ = 0; // all numbers are multiples of two to this
    std::uint64_t previous_ = 0;
    Cursor rest_{{}};
    std::vector<std::uint64_t> previous_of_;
    std::vector<std::uint64_t> table_;
};

} // namespace numadrift::trace
