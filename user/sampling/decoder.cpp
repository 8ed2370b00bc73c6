#include "sampling/decoder.h"

#include "sampling/machine_code.h"

#include <optional>

namespace numadrift::sampling {
namespace {

constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 56; // five levels of page tables
constexpr std::uint64_t kUserBegin = std::uint64_t{1} << 16;

bool is_written(std::uint32_t mask, int reg) {
    return reg >= 0 && (mask >> reg & 1) != 0;
}

// Works out operands with the registers of one sample.
class Resolver {
public:
    Resolver(const RawSample& sample, std::uint64_t turn)
        : sample_(sample), turn_(turn), values_(sample.registers) {}

    // The access of an instruction that has run: what it wrote are not the values it used.
    std::optional<Access> try_before(const Instruction& instruction) {
        return try_instruction(instruction, instruction.written, true);
    }

    // The access of the next instruction that will run; then its effect on the registers.
    std::optional<Access> try_next(const Instruction& instruction) {
        if (const auto access = try_instruction(instruction, gone_, false)) return access;
        apply(instruction);
        return std::nullopt;
    }

    // What is left where no instruction gave an address.
    Access rest() const {
        if (base_ != 0) return {Access::Kind::base, base_};
        return {was_own_ ? Access::Kind::own : Access::Kind::opaque, 0};
    }

private:
    // The access of this instruction, if it has one that counts. `gone`: registers whose values
    // are not known.
    std::optional<Access> try_instruction(const Instruction& instruction, std::uint32_t gone, bool has_run) {
        const std::size_t count = instruction.operands.size();
        for (std::size_t i = 0; i < count; ++i) {
            // Of a copy, which has two, one in turn.
            const Operand& operand = instruction.operands[(i + turn_) % count];
            if (operand.per_cpu) continue;
            if (operand.thread_local_data) {
                was_own_ |= sample_.where != Where::kernel;
                continue;
            }
            const auto address = resolve(operand, gone, has_run && instruction.is_move);
            if (address && is_own_stack(*address)) {
                was_own_ = true;
                continue;
            }
            if (address && is_wanted(*address)) return Access{Access::Kind::exact, *address};
            if (operand.base < 0 || operand.index == kNone || is_written(gone, operand.base)) continue;
            const std::uint64_t base = value(operand.base) + operand.displacement;
            if (base_ == 0 && is_wanted(base) && !is_own_stack(base)) base_ = base;
        }
        return std::nullopt;
    }

    void apply(const Instruction& instruction) {
        const Effect& effect = instruction.effect;
        const auto result = effect_of(effect);
        gone_ |= instruction.written;
        if (!result) return;
        gone_ &= ~(1u << effect.to);
        values_[static_cast<std::size_t>(effect.to)] = effect.is_32_bits ? *result & 0xffffffff : *result;
    }

    std::optional<std::uint64_t> effect_of(const Effect& effect) const {
        if (effect.kind == Effect::Kind::none) return std::nullopt;
        if (effect.kind == Effect::Kind::load_address) return resolve(effect.address, gone_, false);
        if (is_written(gone_, effect.from)) return std::nullopt;
        const std::uint64_t other = effect.from >= 0 ? value(effect.from) : effect.number;
        if (effect.kind == Effect::Kind::set) return other;
        if (is_written(gone_, effect.to)) return std::nullopt;
        const std::uint64_t mask = effect.is_32_bits ? 0xffffffff : ~std::uint64_t{0};
        const std::uint64_t old = value(effect.to) & mask;
        switch (effect.kind) {
        case Effect::Kind::add: return old + other;
        case Effect::Kind::subtract: return old - other;
        case Effect::Kind::bit_and: return old & other;
        case Effect::Kind::shift_left: return old << (other & 63);
        case Effect::Kind::shift_right: return old >> (other & 63);
        case Effect::Kind::none:
        case Effect::Kind::load_address:
        case Effect::Kind::set: break;
        }
        return std::nullopt;
    }

    std::uint64_t value(int reg) const { return values_[static_cast<std::size_t>(reg)]; }

    bool is_own_stack(std::uint64_t address) const {
        const std::uint64_t sp = sample_.user_sp;
        return sp != 0 && address + kStackBelow >= sp && address < sp + kStackAbove;
    }

    bool is_wanted(std::uint64_t address) const { return address >= kUserBegin && address < kUserEnd; }

    std::optional<std::uint64_t> resolve(const Operand& operand, std::uint32_t gone, bool is_chase) const {
        if (operand.base == kNotGeneral || operand.index == kNotGeneral) return std::nullopt;
        if (is_written(gone, operand.index)) return std::nullopt;
        if (is_written(gone, operand.base)) {
            // A load over its own base is a pointer chase: what it loaded is used next.
            if (!is_chase || operand.index != kNone) return std::nullopt;
        }
        std::uint64_t address = operand.displacement;
        if (operand.base >= 0) address += value(operand.base);
        if (operand.index >= 0) address += value(operand.index) * operand.scale;
        return address;
    }

    const RawSample& sample_;
    std::uint64_t turn_;
    std::array<std::uint64_t, kRegisters> values_;
    std::uint32_t gone_ = 0;
    bool was_own_ = false;
    std::uint64_t base_ = 0; // of the first operand of which no more is left; 0 for none
};

} // namespace

Decoder::Decoder() : reader_(std::make_unique<CodeReader>()) {}
Decoder::~Decoder() = default;

Access Decoder::decode(const RawSample& sample) {
    const Plan& plan = reader_->plan_of(sample);
    Resolver resolver(sample, ++turn_);
    if (plan.before && !plan.repeats && sample.where != Where::fault)
        if (const auto access = resolver.try_before(*plan.before)) return *access;
    for (const Instruction& instruction : plan.ahead) {
        if (const auto access = resolver.try_next(instruction)) return *access;
        if (sample.where == Where::fault) break; // it is this one that faulted
    }
    return resolver.rest();
}

} // namespace numadrift::sampling
