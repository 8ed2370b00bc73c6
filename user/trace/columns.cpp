#include "trace/columns.h"

#include <algorithm>
#include <bit>

namespace numadrift::trace {
namespace {

constexpr std::size_t kMostInTable = 128; // indices of one byte

std::size_t varint_bytes(std::uint64_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Differences as they would be written, and how many bytes that takes.
struct Numbers {
    std::vector<std::uint64_t> values;
    std::uint64_t bits = 0; // any of them has

    void add(std::uint64_t value) {
        values.push_back(value);
        bits |= value;
    }
    unsigned shift() const { return bits == 0 ? 0 : static_cast<unsigned>(std::countr_zero(bits)); }
    std::uint64_t coded(std::uint64_t value) const {
        return zigzag(static_cast<std::int64_t>(value) >> shift());
    }
    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const std::uint64_t value : values) sum += varint_bytes(coded(value));
        return sum;
    }
};

Numbers plain_numbers(std::span<const std::uint64_t> values) {
    Numbers numbers;
    for (const std::uint64_t value : values) numbers.add(value);
    return numbers;
}

Numbers deltas(std::span<const std::uint64_t> values) {
    Numbers numbers;
    std::uint64_t previous = 0;
    for (const std::uint64_t value : values) {
        numbers.add(value - previous);
        previous = value;
    }
    return numbers;
}

Numbers deltas_by_thread(std::span<const std::uint64_t> values, std::span<const std::uint32_t> threads,
                         std::size_t thread_count) {
    Numbers numbers;
    std::vector<std::uint64_t> previous(thread_count);
    for (std::size_t i = 0; i < values.size(); ++i) {
        numbers.add(values[i] - previous[threads[i]]);
        previous[threads[i]] = values[i];
    }
    return numbers;
}

// The values there are, most frequent or not; empty if there are too many.
std::vector<std::uint64_t> table_of(std::span<const std::uint64_t> values) {
    std::vector<std::uint64_t> table;
    for (const std::uint64_t value : values) {
        const auto place = std::ranges::lower_bound(table, value);
        if (place != table.end() && *place == value) continue;
        if (table.size() == kMostInTable) return {};
        table.insert(place, value);
    }
    return table;
}

std::size_t table_bytes(const std::vector<std::uint64_t>& table, std::size_t count) {
    std::size_t sum = count + 2;
    for (const std::uint64_t value : table) sum += varint_bytes(value);
    return sum;
}

void put_numbers(std::string& out, Coding coding, const Numbers& numbers) {
    std::string bytes;
    bytes.reserve(2 * numbers.values.size());
    bytes.push_back(static_cast<char>(coding));
    bytes.push_back(static_cast<char>(numbers.shift()));
    for (const std::uint64_t value : numbers.values) put_varint(bytes, numbers.coded(value));
    put_varint(out, bytes.size());
    out += bytes;
}

void put_table(std::string& out, std::span<const std::uint64_t> values,
               const std::vector<std::uint64_t>& table) {
    std::string bytes;
    bytes.push_back(static_cast<char>(Coding::table));
    put_varint(bytes, table.size());
    for (const std::uint64_t value : table) put_varint(bytes, value);
    for (const std::uint64_t value : values)
        put_varint(bytes, static_cast<std::uint64_t>(std::ranges::lower_bound(table, value) - table.begin()));
    put_varint(out, bytes.size());
    out += bytes;
}

void put_constant(std::string& out, std::uint64_t value) {
    std::string bytes(1, static_cast<char>(Coding::constant));
    put_varint(bytes, value);
    put_varint(out, bytes.size());
    out += bytes;
}

} // namespace

void put_column(std::string& out, std::span<const std::uint64_t> values,
                std::span<const std::uint32_t> threads, std::size_t thread_count) {
    const auto table = table_of(values);
    if (values.empty() || table.size() == 1) return put_constant(out, values.empty() ? 0 : values.front());

    const Numbers plain = plain_numbers(values);
    const Numbers by_value = deltas(values);
    const Numbers by_thread = deltas_by_thread(values, threads, thread_count);
    const std::size_t plain_bytes = plain.bytes();
    const std::size_t delta_bytes = by_value.bytes();
    const std::size_t thread_bytes = by_thread.bytes();
    const std::size_t least = std::min({plain_bytes, delta_bytes, thread_bytes});
    if (!table.empty() && table_bytes(table, values.size()) < least) return put_table(out, values, table);
    if (plain_bytes == least) return put_numbers(out, Coding::plain, plain);
    if (delta_bytes == least) return put_numbers(out, Coding::delta, by_value);
    put_numbers(out, Coding::thread, by_thread);
}

Column::Column(Cursor& in, std::size_t thread_count) : is_absent_(false), rest_(in.bytes(in.varint())) {
    constexpr std::uint64_t kMostShift = 63;
    const auto coding = rest_.bytes(1);
    ok_ = in.ok() && !coding.empty() &&
          static_cast<unsigned char>(coding[0]) <= static_cast<int>(Coding::table);
    if (!ok_) return;
    coding_ = static_cast<Coding>(coding[0]);
    if (coding_ == Coding::constant) {
        previous_ = rest_.varint();
    } else if (coding_ == Coding::table) {
        const std::uint64_t count = rest_.varint();
        ok_ = count <= kMostInTable;
        for (std::uint64_t i = 0; ok_ && i < count; ++i) table_.push_back(rest_.varint());
    } else {
        const std::uint64_t shift = rest_.varint();
        ok_ = shift <= kMostShift;
        shift_ = static_cast<unsigned>(shift);
        if (coding_ == Coding::thread) previous_of_.resize(thread_count);
    }
    ok_ = ok_ && rest_.ok();
}

} // namespace numadrift::trace
