// What the C library does with memory that was freed: a service that lives for weeks gives it back.
#ifndef MODELD_DAEMON_HEAP_H_
#define MODELD_DAEMON_HEAP_H_

namespace modeld {

// Has large blocks come from the system and go back to it as soon as they are freed. glibc begins so, but
// keeps blocks of up to 32 MiB in each thread's arena once it has seen a few of them: a flood of large
// messages then stays resident for good. Call it before there are other threads.
void SetUpHeap();

// Gives back what is free in all arenas, in whole pages; what is in use stays where it is. Takes
// milliseconds. Thread-safe.
void ReturnFreeMemory();

}  // namespace modeld

#endif  // MODELD_DAEMON_HEAP_H_
