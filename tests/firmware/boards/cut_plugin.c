// A TCG plugin that sees every store of the emulated processor to its flash. It writes a trace, and
// can end the emulator after a store as a power cut would.
//
//   -plugin libcut.so,flash=FILE,trace=FILE[,cut=N]
//
// Trace: one record of three little-endian 32-bit words a store: offset in the flash, bytes, value.
// The interface gives no values, but calls after the store was done: the value is read from the
// flash file.
//
// The prototypes are those of QEMU's plugin interface, version 1 (docs/devel/tcg-plugins of
// QEMU 7.2), as far as they are used here; Debian packages no header for it.
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t PluginId;
struct TranslationBlock;
struct Instruction;
typedef uint32_t MemoryInfo;

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id,
                                           void (*callback)(PluginId, struct TranslationBlock*));
size_t qemu_plugin_tb_n_insns(const struct TranslationBlock* block);
struct Instruction* qemu_plugin_tb_get_insn(const struct TranslationBlock* block, size_t index);
void qemu_plugin_register_vcpu_mem_cb(struct Instruction* instruction,
                                      void (*callback)(unsigned, MemoryInfo, uint64_t, void*),
                                      int registers, int direction, void* data);
unsigned qemu_plugin_mem_size_shift(MemoryInfo info);
bool qemu_plugin_mem_is_store(MemoryInfo info);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

enum { NO_REGISTERS = 0, STORES = 2 };
static const uint64_t kFlashBase = 0x21000000;
static const uint64_t kFlashSize = 0x01000000;

static const uint8_t* flash;
static int trace = -1;
static uint64_t cut;
static uint64_t stores;

static void onStore(unsigned cpu, MemoryInfo info, uint64_t address, void* data) {
    (void)cpu;
    (void)data;
    const uint32_t bytes = 1u << qemu_plugin_mem_size_shift(info);
    // The registration's filter lets loads through in 7.2.
    if (!qemu_plugin_mem_is_store(info)) return;
    if (address < kFlashBase || address + bytes > kFlashBase + kFlashSize) return;
    uint32_t record[3] = {(uint32_t)(address - kFlashBase), bytes, 0};
    if (bytes > sizeof record[2]) abort();  // the flash driver stores words and bytes only
    memcpy(&record[2], flash + record[0], bytes);
    if (trace >= 0 && write(trace, record, sizeof record) != sizeof record) abort();
    if (++stores == cut) {
        kill(getpid(), SIGKILL);
        for (;;) pause();  // the signal may take another thread first; no further store must happen
    }
}

static void onBlock(PluginId id, struct TranslationBlock* block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), onStore, NO_REGISTERS,
                                         STORES, NULL);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void* info,
                                                               int argc, char** argv) {
    (void)info;
    for (int i = 0; i < argc; ++i) {
        if (strncmp(argv[i], "flash=", 6) == 0) {
            const int file = open(argv[i] + 6, O_RDONLY | O_CLOEXEC);
            void* mapped = mmap(NULL, kFlashSize, PROT_READ, MAP_SHARED, file, 0);
            if (mapped == MAP_FAILED) return 1;
            flash = mapped;
        } else if (strncmp(argv[i], "trace=", 6) == 0) {
            trace = open(argv[i] + 6, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        } else if (strncmp(argv[i], "cut=", 4) == 0) {
            cut = strtoull(argv[i] + 4, NULL, 10);
        }
    }
    if (flash == NULL) return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, onBlock);
    return 0;
}
