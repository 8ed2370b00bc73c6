#include "sampling/recipe.h"

#include <algorithm>

namespace numadrift::sampling {
namespace {

constexpr std::uint8_t kDi = 5;
constexpr std::uint8_t kSi = 4;
constexpr std::uint8_t kBp = 6;
constexpr std::uint8_t kSp = 7;

std::uint32_t bit_of(int reg) {
    return reg >= 0 && reg != ND_ZERO_REGISTER ? 1u << reg : 0;
}

bool is_end(const nd_op& op) {
    return op.kind < ND_OP_set && op.kind != ND_OP_use && op.kind != ND_OP_pass;
}

// Which registers an operation needs to be right.
std::uint32_t read_by(const nd_op& op) {
    std::uint32_t read = bit_of(op.from) | bit_of(op.index);
    if (op.kind == ND_OP_divide) return read | bit_of(0) | bit_of(3); // ax, dx
    if (op.kind == ND_OP_copy) return read | bit_of(op.to);
    const bool keeps_nothing = op.kind == ND_OP_set || op.kind == ND_OP_load ||
                               op.kind == ND_OP_zero_extend || op.kind == ND_OP_sign_extend;
    if (op.kind > ND_OP_set && !keeps_nothing) read |= bit_of(op.to);
    return read;
}

std::uint32_t written_by(const nd_op& op) {
    if (op.kind < ND_OP_set) return 0;
    return op.kind == ND_OP_divide ? bit_of(0) | bit_of(3) : bit_of(op.to);
}

// Lets the registers of one sample through the instructions, and writes down what matters.
class Compiler {
public:
    Compiler(const Plan& plan, Where where)
        : plan_(plan), at_ip_(where == Where::fault), in_kernel_(where == Where::kernel) {}

    std::vector<nd_op> compile() {
        if (plan_.spins) return {op_of(ND_OP_own)};
        const bool asks_before = plan_.before && !plan_.repeats && !at_ip_;
        if (!asks_before || !try_before(*plan_.before)) follow_ahead();
        if (ops_.empty() || !is_end(ops_.back())) ops_.push_back(op_of(ND_OP_opaque));
        drop_unneeded();
        return ops_;
    }

private:
    static bool is_known(const Operand& operand, std::uint32_t gone) {
        return operand.base != kNotGeneral && operand.index != kNotGeneral &&
               ((bit_of(operand.base) | bit_of(operand.index)) & gone) == 0;
    }

    // The access of an instruction when these registers are gone. True: the recipe ends here.
    bool access(const Instruction& instruction, std::uint32_t gone) {
        if (instruction.is_copy && (gone & (bit_of(kSi) | bit_of(kDi))) == 0) {
            nd_op op = op_of(ND_OP_copy);
            op.from = kSi;
            op.to = kDi;
            ops_.push_back(op);
            return true;
        }
        return std::ranges::any_of(instruction.operands,
                                   [&](const Operand& operand) { return ends_at(operand, gone); });
    }

    bool ends_at(const Operand& operand, std::uint32_t gone) {
        if (operand.per_cpu) return false;
        if (operand.thread_local_data) ops_.push_back(op_of(ND_OP_pass));
        else if (is_known(operand, gone))
            ops_.push_back(op_of(ND_OP_use, operand)); // goes on if in the own stack
        else {
            near(operand, gone);
            return true;
        }
        return false;
    }

    // Of an address no more is known than its base, if that.
    void near(const Operand& operand, std::uint32_t gone) {
        const bool has_base = operand.base >= 0 && (bit_of(operand.base) & gone) == 0;
        if (!has_base || operand.index == kNone) return ops_.push_back(op_of(ND_OP_opaque));
        nd_op op = op_of(ND_OP_near, operand);
        op.index = ND_ZERO_REGISTER;
        ops_.push_back(op);
    }

    // What has run: what it wrote are not the values it used. True: the recipe ends.
    bool try_before(const Instruction& before) {
        const bool is_known_all = std::ranges::all_of(before.operands, [&](const Operand& operand) {
            return operand.per_cpu || operand.thread_local_data || is_known(operand, before.written);
        });
        if (is_known_all) return access(before, before.written);
        // The next round of its loop, if it comes round within what can be foreseen.
        const auto again = std::ranges::find(plan_.ahead, before.address, &Instruction::address);
        if (again == plan_.ahead.end()) return access(before, before.written);
        goes_round_ = true;
        for (auto at = plan_.ahead.begin(); at != again; ++at) {
            apply(*at);
            const std::size_t skipped = skippable(static_cast<std::size_t>(at - plan_.ahead.begin()));
            if (skipped > static_cast<std::size_t>(again - at) - 1) continue; // it comes in between
            for (std::size_t i = 0; i < skipped; ++i) pass(*++at);
        }
        const auto known_again = [&](const Operand& operand) { return is_known(operand, gone_); };
        const bool is_known_again = std::ranges::all_of(before.operands, known_again);
        if (!is_known_again) ops_.clear();
        access(before, is_known_again ? gone_ : before.written);
        return true;
    }

    void follow_ahead() {
        for (std::size_t at = 0; at < plan_.ahead.size(); ++at) {
            if (access(plan_.ahead[at], gone_) || at_ip_) return;
            apply(plan_.ahead[at]);
            for (std::size_t left = skippable(at); left > 0; --left) {
                if (!plan_.ahead[++at].operands.empty()) return; // it may be this access, or the next
                pass(plan_.ahead[at]);
            }
        }
    }

    // How many instructions behind this one are run or not, because it is a branch past them. None for a
    // branch out of the loop: the way ahead never comes to where it goes.
    std::size_t skippable(std::size_t at) const {
        const std::uint64_t target = plan_.ahead[at].skips_to;
        if (target == 0) return 0;
        std::size_t count = 0;
        for (std::size_t next = at + 1; next < plan_.ahead.size(); ++next, ++count) {
            const std::uint64_t address = plan_.ahead[next].address;
            if (address == target) return count;
            if (address > target || address < plan_.ahead[at].address) return 0; // it went elsewhere
        }
        return 0;
    }

    // It is run, or not.
    void pass(const Instruction& instruction) {
        gone_ |= instruction.written;
        has_stored_ |= instruction.stores;
    }

    // After a store memory is not what it was at the sample. What lies between two rounds of a loop is not
    // looked at as an access: there only what is sure to be of the stack is loaded, the end of the recipe is
    // not risked.
    bool may_load(const nd_op& op) const {
        return !in_kernel_ && !has_stored_ && (!goes_round_ || op.from == kSp || op.from == kBp);
    }

    // What the instruction does to the registers.
    void apply(const Instruction& instruction) {
        gone_ |= instruction.written & ~instruction.foreseen;
        bool is_foreseen = true;
        for (const nd_op& op : instruction.effects) {
            is_foreseen &= (read_by(op) & gone_) == 0 && (op.kind != ND_OP_load || may_load(op));
            if (is_foreseen) {
                ops_.push_back(op);
                gone_ &= ~written_by(op);
            } else gone_ |= written_by(op);
        }
        has_stored_ |= instruction.stores;
    }

    // Calculations nobody uses.
    void drop_unneeded() {
        std::uint32_t needed = 0;
        std::vector<nd_op> kept;
        std::ranges::reverse(ops_);
        for (const nd_op& op : ops_) {
            const std::uint32_t written = written_by(op);
            if (written != 0 && (written & needed) == 0) continue;
            needed = (needed & ~written) | read_by(op);
            kept.push_back(op);
        }
        std::ranges::reverse(kept);
        ops_ = std::move(kept);
    }

    const Plan& plan_;
    bool at_ip_;     // only the instruction at ip counts: it faulted
    bool in_kernel_; // where there is no stack of the thread to load from
    bool has_stored_ = false;
    bool goes_round_ = false;
    std::uint32_t gone_ = 0;
    std::vector<nd_op> ops_;
};

} // namespace

nd_recipe compile(const Plan& plan, Where where) {
    auto ops = Compiler(plan, where).compile();
    if (ops.size() > ND_MOST_OPS) ops = Compiler({}, where).compile(); // too long: nothing is said
    nd_recipe recipe{};
    recipe.ops = static_cast<std::uint32_t>(ops.size());
    std::ranges::copy(ops, recipe.op);
    return recipe;
}

nd_access follow(const nd_recipe& recipe, const RawSample& sample, std::uint32_t turn,
                 std::uint64_t last_line, const LoadMemory& load) {
    std::array<u64, ND_RECIPE_REGISTERS> registers{};
    std::ranges::copy(sample.registers, registers.begin());
    nd_access access{};
    access.last_line = last_line;
    const auto can_load = [&](const nd_op& op) {
        const u64 address = nd_recipe_value(registers.data(), &op);
        if (!load || !nd_recipe_may_load(address, sample.stack, &access)) return false;
        const auto loaded = load(address);
        if (loaded) nd_recipe_loaded(registers.data(), &op, *loaded);
        return loaded.has_value();
    };
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(recipe.ops, ND_MOST_OPS); ++i) {
        const nd_op& op = recipe.op[i];
        if (op.kind == ND_OP_load && can_load(op)) continue;
        if (nd_recipe_step(registers.data(), &op, sample.stack, sample.where == Where::kernel, turn,
                           &access) != 0)
            break;
    }
    if (access.kind == ND_ACCESS_opaque && access.was_own != 0) access.kind = ND_ACCESS_own;
    return access;
}

} // namespace numadrift::sampling
