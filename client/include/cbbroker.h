/* SPDX-License-Identifier: MIT */
/*
 * cbbroker: native libraries run in processes of their own, and their callbacks arrive here.
 *
 *     cbb_client *client = NULL;
 *     cbb_host *host = NULL;
 *     cbb_library *libc = NULL;
 *     cbb_connect(&client, NULL);
 *     cbb_host_open(client, NULL, &host);
 *     cbb_library_open(host, "libc", &libc);
 *
 *     typedef void sort_fn(void *, size_t, size_t, int (*)(const void *, const void *));
 *     sort_fn *remote_qsort = CBB_SYMBOL(libc, sort_fn, "qsort");
 *     remote_qsort(values, count, sizeof *values, compare_ints);
 *
 * Conventions, for every function unless it says otherwise:
 *
 *  - Result: 0 or more, or a negative code: -errno, or one of enum cbb_error. After a negative result
 *    cbb_last_error_text() says in words what happened. Results through a pointer (ret_...) are
 *    written on success only.
 *  - Threads: any thread may call any function at any time, except a function that ends an object
 *    while another call uses that object (but see cbb_host_close). No lock is held while a handler runs.
 *  - Handlers run only on threads of the program that are inside a function of this library or a call
 *    through it. The library starts no thread (but see cbb_queue_start), installs no signal handler, prints
 *    nothing, and never ends the program.
 *  - Structs of options and reports begin with `size`, set to sizeof of the struct: so programs and
 *    libraries of different age fit together. No byte beyond `size` is read or written; what a smaller
 *    struct lacks has its default. A larger option struct than this library knows is accepted if what it
 *    does not know is zero, else CBB_ERR_UNSUPPORTED; of a larger report the rest is zeroed. A zero field
 *    means the default; "unlimited" is CBB_UNLIMITED.
 *  - Times are in milliseconds (`_ms`), sizes in bytes (`_bytes`). Strings in options are copied.
 *  - After fork(), the child's use of anything opened before fails with CBB_ERR_FORKED, and functions
 *    that end an object only free its memory. The child may connect anew.
 *
 * The rules behind these functions (who runs where, lifetimes, order): libcbbroker(7).
 */
#ifndef CBBROKER_H
#define CBBROKER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CBB_API __attribute__((visibility("default")))
#else
#define CBB_API
#endif

/* No limit, no deadline: for fields and parameters where zero means the default. */
#define CBB_UNLIMITED UINT64_MAX

/* ---- Errors ------------------------------------------------------------------------------------ */

/* Named codes: conditions that a caller may want to tell apart. All lie below every -errno. */
enum cbb_error {
	CBB_ERR_HOST_DIED = -4096,      /* the host process ended; see cbb_host_report() */
	CBB_ERR_TIMEOUT = -4097,        /* a deadline passed */
	CBB_ERR_BUSY = -4098,           /* this thread's earlier call to this host timed out and still runs there */
	CBB_ERR_WOULD_DEADLOCK = -4099, /* the wait could never end */
	CBB_ERR_CLOSED = -4100,         /* the object was closed */
	CBB_ERR_VERSION = -4101,        /* the two ends speak different versions; the text names both */
	CBB_ERR_PROTOCOL = -4102,       /* the other end broke the protocol and was cut off */
	CBB_ERR_BROKER_GONE = -4103,    /* no broker answers; calls on open lanes go on */
	CBB_ERR_INTERFACE = -4104,      /* the interface text is wrong; the text has line, column and a hint */
	CBB_ERR_NO_SYMBOL = -4105,      /* the interface or the shared object has no such name */
	CBB_ERR_NO_LIBRARY = -4106,     /* the shared object or interface was not found or did not load */
	CBB_ERR_FORKED = -4107,         /* the object belongs to the parent process */
	CBB_ERR_DEPTH = -4108,          /* more than CBB_DEPTH_MAX calls and callbacks nested */
	CBB_ERR_LIMIT = -4109,          /* a configured limit is reached; the text names it */
	CBB_ERR_ARGUMENT = -4110,       /* an argument contradicts the interface: NULL, a size, a value */
	CBB_ERR_WRONG_THREAD = -4111,   /* the callback may not be called on that thread */
	CBB_ERR_REFUSED = -4112,        /* the broker refuses this program */
	CBB_ERR_HOST_START = -4113,     /* the host process could not be started */
	CBB_ERR_UNSUPPORTED = -4114     /* known, but not offered by this version */
};

/* Calls, and callbacks under them, nest this deep on one thread and host. */
#define CBB_DEPTH_MAX 64

/*
 * What a code means, in general. Never NULL; a static string, or for an errno this thread's buffer,
 * valid until its next call. Accepts any int.
 */
CBB_API const char *cbb_strerror(int code);

/*
 * The code of this thread's last failed function of this library. It is the only place where a failed
 * call through a CBB_SYMBOL pointer shows (a function that returns void has no other). A function that
 * succeeds leaves it as it was, except a call through a CBB_SYMBOL pointer or cbb_call(), which
 * sets it to 0. Nothing to free.
 */
CBB_API int cbb_last_error(void);

/* The same error in words, with names, lines and values. Never NULL. Valid until this thread's next failure. */
CBB_API const char *cbb_last_error_text(void);

/* The version of the loaded library, such as "0.1.0". Static. */
CBB_API const char *cbb_version(void);

/* ---- Connection to a broker -------------------------------------------------------------------- */

typedef struct cbb_client cbb_client;

typedef struct cbb_connect_options {
	size_t size;          /* sizeof(cbb_connect_options) */
	const char *address;  /* "unix:PATH", "user:", "system:" or "private:"; NULL: see cbb_connect() */
	uint64_t timeout_ms;  /* for the connection, and for each later answer of the broker; default 10,000 */
} cbb_connect_options;

/*
 * Connects to a broker. With no address: $CBB_ADDRESS if set (and nothing else), else the user's
 * ($XDG_RUNTIME_DIR/cbbroker/broker.sock), else the system's (/run/cbbroker/broker.sock), else a
 * private broker is started. A broker that cannot be reached or that refuses this uid is passed over.
 *
 * "private:" starts a broker for this program alone. It is no child of the program (wait() never
 * sees it) and ends with the program. Each such connection starts one.
 *
 * options may be NULL. The client is freed with cbb_disconnect().
 * Errors: -ENOENT, -ECONNREFUSED, CBB_ERR_REFUSED, CBB_ERR_VERSION, CBB_ERR_TIMEOUT, CBB_ERR_PROTOCOL,
 * CBB_ERR_BROKER_GONE (the private broker did not start), -EINVAL (address), other -errno.
 */
CBB_API int cbb_connect(cbb_client **ret_client, const cbb_connect_options *options);

/*
 * Ends the connection and every host opened through it, and frees the client. Calls that still run
 * return CBB_ERR_HOST_DIED. Every host, library, function, callback and queue of this client is freed, and
 * pointers from CBB_SYMBOL and cbb_callback_pointer end: the program must not use any of them again.
 * NULL is allowed. Returns NULL; or the client, with cbb_last_error() set, where cbb_host_close() would
 * have returned a host, inside a handler of one of its queues (CBB_ERR_WOULD_DEADLOCK), or while a handler
 * runs on another thread of a queue (CBB_ERR_TIMEOUT): then it is still connected.
 */
CBB_API cbb_client *cbb_disconnect(cbb_client *client);

/* ---- Hosts ------------------------------------------------------------------------------------- */

typedef struct cbb_host cbb_host;

typedef struct cbb_host_options {
	size_t size;                   /* sizeof(cbb_host_options) */
	const char *name;              /* shown by cbbctl; default: the program's name. Copied */
	const char *working_directory; /* default: the caller's at this moment */
	const char *const *environment; /* NULL-terminated "NAME=value"; default: the caller's */
	const mode_t *umask;           /* default: the caller's */
	const int *stdio_fds;          /* three: stdin, stdout, stderr; -1 and NULL: the default, which is /dev/null
	                                  for stdin and the broker's own for the others (of a private broker: the
	                                  program's). They stay the caller's to close */
	uint64_t start_timeout_ms;     /* default 10,000 */
	uint64_t call_timeout_ms;      /* default deadline of each call into this host, and of opening a library in it;
	                                  default: none */
	uint64_t max_callbacks;        /* open at once; default 100,000 */
	uint64_t max_closed_callbacks; /* addresses that may stay out of use after close, on top of max_callbacks;
	                                  default 1,000,000 */
	uint64_t max_payload_bytes;    /* one call's or callback's arguments, or results; the few bytes around
	                                  them do not count. Default 64 MiB; above 1 GiB it is 1 GiB */
	uint64_t stack_bytes;          /* of the threads that run this program's calls; default: the caller's limit */
	uint64_t max_async_calls;      /* cbb_call_async: that run at once, each on a native thread; default 8 */
	uint64_t max_async_waiting;    /* cbb_call_async: that wait for one of these to end; default 1,024 */
} cbb_host_options;

/*
 * Starts a host process: empty until a library is opened in it. It ends with cbb_host_close(), with
 * the client's connection, or with the program.
 * options may be NULL. Freed by cbb_host_close() or cbb_disconnect().
 * Errors: CBB_ERR_HOST_START, CBB_ERR_LIMIT, CBB_ERR_BROKER_GONE, CBB_ERR_TIMEOUT, CBB_ERR_FORKED, -EINVAL and
 * other -errno (of the working directory, or of a descriptor; the text says which).
 */
CBB_API int cbb_host_open(cbb_client *client, const cbb_host_options *options, cbb_host **ret_host);

/*
 * Ends the host process, whatever it does, and frees the host with its libraries, functions and
 * callbacks. May be called while other threads wait in calls into it, but not beside the start of new
 * ones: their calls return CBB_ERR_HOST_DIED, and it waits for that (and so for the handlers that they
 * run) at most the connection's timeout. What is queued of the host is handed back, finalizers and the
 * `done` of asynchronous calls run, in here.
 * NULL is allowed. Returns NULL; or the host itself, with cbb_last_error() set, if nothing is freed:
 * CBB_ERR_TIMEOUT (the process is gone, but another thread is still inside a handler: call again), or
 * CBB_ERR_WOULD_DEADLOCK (called inside a handler of that host: nothing is done). Nor is it to be called in
 * what else runs on a queue for that host (on_lost, on_dropped, finalizers, `done`): cbb_host_kill() may be.
 */
CBB_API cbb_host *cbb_host_close(cbb_host *host);

/*
 * Ends the host process at once. The cbb_host stays, for its report; each call into it gives
 * CBB_ERR_HOST_DIED. May be called inside a handler. Harmless if the host is gone.
 * Errors: CBB_ERR_BROKER_GONE, CBB_ERR_TIMEOUT, CBB_ERR_FORKED.
 */
CBB_API int cbb_host_kill(cbb_host *host);

/* Process id. Never signal it after the end: the number may be another's. */
CBB_API pid_t cbb_host_pid(const cbb_host *host);
/* The number that cbbctl shows as hN. */
CBB_API uint64_t cbb_host_id(const cbb_host *host);

enum cbb_host_state {
	CBB_HOST_RUNNING = 1,
	CBB_HOST_ENDED = 2     /* the process is gone */
};

enum cbb_host_end {
	CBB_END_NONE = 0,      /* still running */
	CBB_END_CLOSED = 1,    /* asked for: cbb_host_close, cbb_host_kill, or the broker ended */
	CBB_END_SIGNAL = 2,    /* a signal ended it; see signal */
	CBB_END_EXIT = 3,      /* something in it called exit(); see exit_status */
	CBB_END_UNKNOWN = 4    /* ended, but no broker could say how */
};

/*
 * What happened in a host. Fixed arrays are NUL-terminated; "" where it is not known. Text that the host
 * wrote has '?' in place of control characters.
 */
typedef struct cbb_report {
	size_t size;               /* in: sizeof(cbb_report) */
	int32_t state;             /* enum cbb_host_state; expect values added later */
	int32_t end;               /* enum cbb_host_end */
	int32_t signal;            /* SIGSEGV, ... ; 0 */
	int32_t signal_code;       /* si_code; 0 */
	int32_t exit_status;       /* of exit(); -1 */
	int32_t thread;            /* native thread that died; 0 */
	uint64_t address;          /* the faulting address; 0 */
	uint64_t instruction;      /* the program counter; 0 */
	char thread_name[16];
	char library[64];          /* whose code the thread was in, as far as it is known */
	char module[256];          /* file and offset of the instruction: "/usr/lib/libdemo.so+0x11c" */
	char function[128];        /* remote function in flight on that thread */
	char callback[128];        /* callback in flight on that thread */
	uint64_t calls;            /* calls into the host so far */
	uint64_t callbacks;        /* callbacks made by it so far */
	uint64_t late_calls;       /* calls through closed or not armed callbacks: answered with on_error */
	uint64_t wrong_thread_calls; /* callbacks from threads that may not make them: on_error */
	uint64_t late_answers;     /* handlers that returned after their deadline */
	uint64_t late_results;     /* native calls that returned after their deadline */
	char notice[512];          /* the last of these irregular calls, in words */
	char text[512];            /* everything above in one sentence */
	uint64_t events;           /* that listeners accepted */
	uint64_t lost_events;      /* that found no room, in the ways that the program chose */
} cbb_report;

/*
 * Fills *report. For a host that just died it waits for the broker's word of how, at most the
 * connection's timeout. Works for running and for ended hosts, as often as wanted.
 * Errors: -EINVAL (size); CBB_ERR_BROKER_GONE, CBB_ERR_TIMEOUT, with what is known here filled in.
 */
CBB_API int cbb_host_report(cbb_host *host, cbb_report *report);

/* ---- Libraries and functions --------------------------------------------------------------------- */

typedef struct cbb_library cbb_library;
typedef struct cbb_function cbb_function;

/* Any function pointer. Cast it to the true type before it is called. */
typedef void (*cbb_any_function)(void);

/*
 * Opens a library in the host: reads an interface file (cbbroker-interface(5)), loads the shared
 * object it names there, and looks for its functions: one that the object lacks gives CBB_ERR_NO_SYMBOL
 * when it is asked for. The first takes the name of an
 * installed interface such as "expat", the second a path, the third the text itself; `#include` in a
 * text is looked up among the installed interfaces.
 * The library lives as long as its host; there is nothing to free. Opening one twice gives a second
 * cbb_library over the same loaded code.
 * Errors: CBB_ERR_INTERFACE, CBB_ERR_NO_LIBRARY, CBB_ERR_HOST_DIED, CBB_ERR_TIMEOUT, CBB_ERR_BUSY, CBB_ERR_LIMIT,
 * CBB_ERR_FORKED, -errno.
 */
CBB_API int cbb_library_open(cbb_host *host, const char *name, cbb_library **ret_library);
CBB_API int cbb_library_open_file(cbb_host *host, const char *path, cbb_library **ret_library);
CBB_API int cbb_library_open_text(cbb_host *host, const char *text, cbb_library **ret_library);

/*
 * A pointer with the signature of the named native function. Calling it runs the function in the
 * host, on the double of the calling thread. If that fails (the host died, an argument contradicts the
 * interface), the call returns the function's on_error value and cbb_last_error() is negative; else
 * cbb_last_error() is 0. errno goes in with the call and comes back with its result.
 * NULL if there is no such function, or library is NULL; cbb_last_error() then says so. The same name
 * gives the same pointer. Valid until the host is freed; calls after the host's death are harmless.
 */
CBB_API cbb_any_function cbb_symbol(cbb_library *library, const char *name);
#if defined(__GNUC__)
#define CBB_SYMBOL(library, type, name) ((__typeof__(type) *)cbb_symbol((library), (name))) /* int(int) is a type too */
#else
#define CBB_SYMBOL(library, type, name) ((type *)cbb_symbol((library), (name))) /* a typedef's name */
#endif

/*
 * The named function, for cbb_call(). Lives as long as its host.
 * Errors: CBB_ERR_NO_SYMBOL.
 */
CBB_API int cbb_function_find(cbb_library *library, const char *name, cbb_function **ret_function);

/*
 * Calls the function. arguments[i] points to the i-th argument, an object of the parameter's type;
 * *result receives the result, an object of the result's type (a small integer is not widened), and may
 * be NULL. The status comes back apart from the result; on failure *result is the function's on_error
 * value. errno goes in with the call and comes back as native code left it; on failure it is unchanged.
 *
 * Memory that native code hands out (a string, a struct, an array) arrives as a copy. It lives until
 * this thread has received 64 more of them, unless the interface says otherwise (`lifetime`,
 * `transfer`).
 *
 * While it waits, the calling thread runs the handlers of callbacks that native code makes under this
 * call, and serves native threads that wait for the queues it dispatches.
 * Errors: CBB_ERR_HOST_DIED, CBB_ERR_TIMEOUT, CBB_ERR_BUSY, CBB_ERR_ARGUMENT, CBB_ERR_DEPTH,
 * CBB_ERR_PROTOCOL, CBB_ERR_LIMIT, CBB_ERR_FORKED, CBB_ERR_BROKER_GONE, CBB_ERR_WOULD_DEADLOCK (a handler that
 * runs while its thread waits in a call into this host, and not under it, cannot call there); what a handler
 * says with cbb_invocation_fail_call().
 */
CBB_API int cbb_call(cbb_function *function, void *result, void *const arguments[]);

typedef struct cbb_call_options {
	size_t size;         /* sizeof(cbb_call_options) */
	uint64_t timeout_ms; /* default: the interface's `timeout`, else the host's call_timeout_ms */
	size_t n_arguments;  /* of arguments[]; default: as many as the function has, with `...` as its cases ask for */
	int32_t serve;       /* 1: also if this call is made inside a handler, native threads are served meanwhile that
	                        wait for the queues which this thread dispatches; default 0: only outside of handlers */
	int32_t reserved;    /* 0 */
} cbb_call_options;

/*
 * The same with options. When the deadline passes while native code is stuck, the call returns
 * CBB_ERR_TIMEOUT, and until the native function has returned, this thread's calls to this host give
 * CBB_ERR_BUSY. Other threads are not affected. cbb_host_kill() ends the stuck code.
 */
CBB_API int cbb_call_with(cbb_function *function, void *result, void *const arguments[],
                          const cbb_call_options *options);

/* ---- Memory in the host --------------------------------------------------------------------------- */

/*
 * Copies from and to memory in the host: what an interface calls `host`, an address that means nothing here.
 * Errors: -EFAULT (no such memory there), CBB_ERR_LIMIT (max_payload_bytes), and those of cbb_call().
 */
CBB_API int cbb_read(cbb_host *host, const void *address, void *buffer, size_t bytes);
CBB_API int cbb_write(cbb_host *host, void *address, const void *buffer, size_t bytes);

/* ---- Queues -------------------------------------------------------------------------------------- */

/*
 * Where handlers run of callbacks that native threads call on their own. A queue belongs to a connection
 * and serves callbacks of all its hosts. The thread that dispatches it is its dispatcher. While a
 * dispatcher waits in a call into a host, made outside any handler, it serves native threads that wait for
 * that queue: for an answer, or for room. Inside a handler it does not. (So it is with 64 open queues
 * of a connection at a time: see libcbbroker(7), LIMITS.)
 */
typedef struct cbb_queue cbb_queue;

typedef struct cbb_queue_options {
	size_t size;               /* sizeof(cbb_queue_options) */
	const char *name;          /* for errors and cbbctl; default "queue N". Copied */
	uint64_t max_events;       /* events that may wait, of each host; default 1,024; CBB_UNLIMITED is possible */
	uint64_t max_bytes;        /* and their arguments; default 16 MiB. One event of any size always passes */
	uint64_t stall_timeout_ms; /* a native thread gives up after so long without any progress of the queue;
	                              default 10,000 */
	int32_t pull;              /* 1: invocations are fetched with cbb_queue_next() */
	int32_t reserved;          /* 0 */
} cbb_queue_options;

/*
 * The queue of callbacks that name no other. Its dispatcher is the thread that connected, until another
 * dispatches it. Lives as long as the client. NULL for NULL.
 */
CBB_API cbb_queue *cbb_queue_default(cbb_client *client);

/*
 * Opens a queue. options may be NULL. Freed by cbb_queue_close() or cbb_disconnect().
 * Errors: CBB_ERR_LIMIT (1,024 queues), -EMFILE and other -errno, CBB_ERR_FORKED.
 */
CBB_API int cbb_queue_open(cbb_client *client, const cbb_queue_options *options, cbb_queue **ret_queue);

/*
 * Closes the queue's callbacks as cbb_callback_close() does with CBB_CLOSE_ABORT, runs here what that
 * leaves to run (on_dropped, finalizers, `done` of asynchronous calls, which get CBB_ERR_CLOSED), makes
 * another thread's dispatch or run return, ends the queue's own threads, and frees it. NULL is allowed.
 * Returns NULL; or the queue itself, with cbb_last_error() set, if nothing is freed: CBB_ERR_WOULD_DEADLOCK
 * (inside one of its handlers, or the default queue: nothing is done), CBB_ERR_TIMEOUT (a handler of it
 * still runs after 10 s: call again).
 */
CBB_API cbb_queue *cbb_queue_close(cbb_queue *queue);

/*
 * A descriptor that is readable (poll, epoll, any event loop) when cbb_queue_dispatch() has something to
 * do; now and then there is no handler in that. Always the same one. Only for waiting: never read, write or
 * close it. Any thread. -EINVAL for NULL, -ENOMEM or -ENOSPC if the system refuses. A program that never
 * asks for it saves part of a microsecond with each invocation.
 */
CBB_API int cbb_queue_fd(const cbb_queue *queue);

/*
 * Runs handlers, and with them what else belongs on the queue: on_lost, on_dropped, finalizers, `done` of
 * asynchronous calls. Waits up to timeout_ms (0: not at all; CBB_UNLIMITED) for the first, then runs what
 * there is, at most max_handlers of them (0: any number, but no more than were waiting when it looked).
 * Returns how many ran; 0 after the time, or after cbb_queue_stop().
 * Errors: CBB_ERR_BUSY (another thread dispatches it at this moment, or this one does in an outer frame),
 * CBB_ERR_UNSUPPORTED (a pull queue, or started), CBB_ERR_FORKED. What hosts do wrong is no error of the
 * queue.
 */
CBB_API int cbb_queue_dispatch(cbb_queue *queue, uint64_t timeout_ms, unsigned max_handlers);

/*
 * Dispatches until cbb_queue_stop(), or until nothing is left that could bring work: no callback of the
 * queue that is open and ref'ed, or closed and not finalized; no call of cbb_call_async(); nothing queued.
 * What is queued at first is run in any case. 0, or the errors of cbb_queue_dispatch().
 */
CBB_API int cbb_queue_run(cbb_queue *queue);

/*
 * Makes the present cbb_queue_run(), cbb_queue_dispatch() or cbb_queue_next() return, after the handler that
 * it is in; the next one, if none is running. A queue that was started goes on. From any thread, any
 * handler, and any signal handler. 0; -EINVAL for NULL.
 */
CBB_API int cbb_queue_stop(cbb_queue *queue);

/*
 * Dispatches the queue on threads of its own: at most n_threads handlers at once, of one native thread
 * never two. They have all signals blocked, and end with the queue.
 * Errors: -EINVAL (0, or above 256), CBB_ERR_BUSY (started, or being dispatched), -EAGAIN,
 * CBB_ERR_UNSUPPORTED (pull), CBB_ERR_FORKED.
 */
CBB_API int cbb_queue_start(cbb_queue *queue, unsigned n_threads);

/* ---- Callbacks ----------------------------------------------------------------------------------- */

/*
 * A plain C function can be passed wherever a remote function expects a function pointer: nothing
 * to open or close. It may then be called as long as the interface says (`scope`), and is delivered as the
 * interface says, else as CBB_AUTO. An explicit callback is for what a plain function cannot have: state, a
 * queue, a deadline, a lifetime of its own.
 */
typedef struct cbb_callback cbb_callback;
typedef struct cbb_invocation cbb_invocation;

/* How an invocation reaches the handler. */
enum cbb_delivery {
	CBB_DELIVERY_DEFAULT = 0, /* as the interface says, else CBB_AUTO */
	CBB_AUTO = 1,             /* without a queue: nested in the client thread's call that it is made under, else
	                             CBB_BLOCKING on the default queue. With one: as CBB_BLOCKING */
	CBB_LOCAL = 2,            /* only nested: from any other native thread it fails, in words */
	CBB_BLOCKING = 3,         /* on the dispatcher of its queue (nested, under a call of that very thread); the
	                             native thread waits for the answer */
	CBB_LISTENER = 4          /* on the dispatcher of its queue; the native thread goes on at once. Functions that
	                             return void, and hand nothing out, only */
};

/* What a listener's event does that finds no room (max_queued, or the queue's bounds). */
enum cbb_overflow {
	CBB_OVERFLOW_DEFAULT = 0,       /* as the interface says, else CBB_OVERFLOW_WAIT */
	CBB_OVERFLOW_WAIT = 1,          /* the native thread waits; it is lost in the end if wait_timeout_ms passes or
	                                   the queue stalls */
	CBB_OVERFLOW_REJECT_NEWEST = 2, /* it is lost */
	CBB_OVERFLOW_DROP_OLDEST = 3,   /* the oldest of the callback is lost that has not left the host; where there is
	                                   none, this one is */
	CBB_OVERFLOW_LATEST = 4,        /* no queue at all: while one is on its way or handled, only the newest waits */
	CBB_OVERFLOW_COALESCE = 5       /* also with room: it replaces a waiting one with the same `key` argument.
	                                   Without either it waits as with CBB_OVERFLOW_WAIT */
};

/* Why events are missing; see cbb_callback_options.on_lost. */
enum cbb_loss_reason {
	CBB_LOSS_REJECTED = 1, /* no room: it was the newest, its sender would have waited for ever */
	CBB_LOSS_DROPPED = 2,  /* no room: it was the oldest */
	CBB_LOSS_REPLACED = 3, /* by a newer one */
	CBB_LOSS_RATE = 4,     /* more than rate_per_s */
	CBB_LOSS_TIMEOUT = 5   /* waited for room in vain */
};

typedef struct cbb_loss {
	size_t size;
	uint64_t count;           /* events in a row, of this callback */
	int32_t why;              /* enum cbb_loss_reason of the last of them */
	int32_t reserved;
	uint64_t first_sequence;  /* of the first and of the last of them */
	uint64_t last_sequence;
} cbb_loss;

/* What went wrong with an invocation. Texts are valid until the function that was given it returns. */
typedef struct cbb_failure {
	size_t size;
	int32_t code;              /* of cbb_invocation_fail(), or what the library found */
	int32_t thread;            /* native thread; 0: not known */
	const char *text;
	const char *thread_name;
	cbb_callback *callback;    /* NULL: a plain function */
	const char *callback_name; /* for a plain function its type's */
	uint64_t sequence;         /* 0: none was given yet */
} cbb_failure;

/*
 * Computes what native code gets instead of a result: *result, an object of the result's type, holds
 * on_error's value when it is called. Runs right after the handler, in its place and on its thread; for an
 * answer that comes later, on the thread that gives it. Of an event it is told, too. It is not asked where
 * native code has no answer to wait for: a closed callback, a deadline, a wrong thread.
 */
typedef void cbb_error_handler(cbb_invocation *invocation, const cbb_failure *failure, void *result);
/*
 * An event that its handler will never see (the callback, its queue or its host was closed): the last
 * chance to free what it stands for. arguments[i] points to the i-th, until it returns. On the queue.
 */
typedef void cbb_dropped_handler(cbb_invocation *invocation, void *const arguments[], void *user_data);
/* Stands in the stream of events where some are missing. On the queue. */
typedef void cbb_loss_handler(cbb_callback *callback, const cbb_loss *loss, void *user_data);
/*
 * The last of a callback: no handler of it runs any more. Once, on the queue (of a CBB_LOCAL callback: the
 * default queue); or in the function that closes the queue or the host.
 */
typedef void cbb_finalizer(cbb_callback *callback, void *user_data);

/*
 * A handler that reads its arguments by the interface's description instead of a C signature, for
 * language bindings: arguments[i] points to the i-th argument, result to an object of the result's type,
 * zeroed before. Both are valid until it returns.
 */
typedef void cbb_generic_handler(void *result, void *const arguments[], void *user_data);

typedef struct cbb_callback_options {
	size_t size;                /* sizeof(cbb_callback_options) */
	const char *name;           /* for reports and cbbctl; default: the type's name. Copied */
	void *user_data;            /* see cbb_invocation_user_data(); never leaves the program */
	int32_t delivery;           /* enum cbb_delivery */
	int32_t reserved;           /* 0 */
	uint64_t timeout_ms;        /* native code waits this long, then goes on with on_error; default: the
	                               interface's `timeout`, else none */
	cbb_queue *queue;           /* default: none for CBB_AUTO and CBB_LOCAL, else the default queue */
	cbb_error_handler *on_error; /* default: native code gets the type's on_error value */
	cbb_dropped_handler *on_dropped;
	cbb_loss_handler *on_lost;
	cbb_finalizer *finalizer;
	int32_t overflow;           /* of listeners: enum cbb_overflow */
	uint32_t rate_per_s;        /* of listeners: more are lost; default: the interface's `rate`, else none. As many
	                               as that may come at once */
	uint64_t max_queued;        /* of listeners: default: only the queue's bound. Counts the event being handled */
	uint64_t wait_timeout_ms;   /* of listeners that wait for room; default: until the queue stalls */
	int32_t priority;           /* of listeners: events of a higher one overtake; default: the interface's
	                               `priority`, else 0 */
	uint32_t n_users;           /* for cbb_callback_release(); default 1 */
	int32_t unrefed;            /* 1: does not keep cbb_queue_run() waiting */
	int32_t paused;             /* 1: begins paused (listeners) */
} cbb_callback_options;

/*
 * Opens a callback of the named function type of the interface (a typedef, such as
 * "XML_StartElementHandler"). The handler has that type's native signature. (On a pull queue it runs only
 * where it is nested.)
 * options may be NULL. Ended by cbb_callback_close(), memory freed with the host.
 * Errors: CBB_ERR_NO_SYMBOL (type), CBB_ERR_LIMIT (max_callbacks, max_closed_callbacks), CBB_ERR_ARGUMENT
 * (a listener of a type that returns something, or hands something out), CBB_ERR_FORKED, -EINVAL (another
 * connection's queue, CBB_LOCAL with a queue).
 */
#define CBB_FUNCTION(handler) ((cbb_any_function)(handler))
CBB_API int cbb_callback_open(cbb_library *library, const char *type, cbb_any_function handler,
                              const cbb_callback_options *options, cbb_callback **ret_callback);
CBB_API int cbb_callback_open_generic(cbb_library *library, const char *type, cbb_generic_handler *handler,
                                      const cbb_callback_options *options, cbb_callback **ret_callback);

/*
 * The callback as a function pointer of the native signature. Passed to a remote function (of any
 * thread, of any library of the same host) it stands for the callback; called here it runs the handler on
 * this thread, as an invocation with sequence 0 (closed: it returns on_error, and cbb_last_error() is
 * CBB_ERR_CLOSED). Always the same pointer for one callback, and no other's while the host is open: once
 * closed it can still be passed, and native code that calls it gets on_error. NULL, with cbb_last_error()
 * set, if there is no memory for it; NULL for NULL.
 */
CBB_API cbb_any_function cbb_callback_pointer(cbb_callback *callback);

/*
 * The callback behind a function pointer that came back from native code; NULL if it is not one (a plain C
 * function comes back as itself and is not one). Works for closed callbacks too.
 */
CBB_API cbb_callback *cbb_callback_find(cbb_host *host, cbb_any_function pointer);

enum cbb_close_mode {
	CBB_CLOSE_DRAIN = 0, /* events that native code sent before are still handled; native threads that wait for an
	                        answer have it, or on_error */
	CBB_CLOSE_ABORT = 1  /* what no handler has begun is not: events are handed back, native threads that wait get
	                        on_error */
};

typedef struct cbb_close_options {
	size_t size;         /* sizeof(cbb_close_options) */
	uint64_t timeout_ms; /* how long to wait for events, and for handlers on other threads; default 10,000 */
	const char *where;   /* shown with a late call: CBB_HERE; default: the caller's address. Copied */
	int32_t mode;        /* enum cbb_close_mode */
	int32_t reserved;    /* 0 */
} cbb_close_options;

/* This line, as "parser.c:88". */
#define CBB_STRING_OF_(x) #x
#define CBB_STRING_(x) CBB_STRING_OF_(x)
#define CBB_HERE __FILE__ ":" CBB_STRING_(__LINE__)

/*
 * Closes the callback: from now on native code that calls it gets the type's on_error value, and the
 * call is counted and reported. Native threads that wait for room, or for a lane, are woken and get it,
 * too. Then it waits until nothing of it is queued (drain) and its handler runs on no other
 * thread: after it returned 0, the handler does not run any more, except around this very call. On the
 * dispatcher of its queue it runs what is queued there itself, other callbacks' events as well, while it
 * waits. Events that an abort hands back come on the queue, perhaps later.
 *
 * Inside a handler that this thread runs for that queue, or for this callback, it waits for nobody: what had
 * arrived before is drained (or handed back) as usual, later, and may reach the handler once more. 1 then
 * says that events are left, or that the handler runs on another thread.
 *
 * Closing again, and closing inside the handler, are fine; so is aborting what drains. The finalizer runs
 * later, on the queue, as the last thing. options may be NULL; a callback that is NULL is no error. The
 * cbb_callback itself stays valid until its host is freed.
 * Errors: CBB_ERR_TIMEOUT (it is closed, but events are left, or a handler still runs), CBB_ERR_FORKED,
 * -EINVAL (mode).
 */
CBB_API int cbb_callback_close(cbb_callback *callback, const cbb_close_options *options);

CBB_API void *cbb_callback_user_data(const cbb_callback *callback);  /* the option's; NULL for NULL */
CBB_API const char *cbb_callback_name(const cbb_callback *callback); /* valid as long as the callback; "" for NULL */

/* Ends a callback with the block that declares it: CBB_SCOPED cbb_callback *row = NULL; It drains. */
CBB_API void cbb_callback_end(cbb_callback **callback);
#if defined(__GNUC__)
#define CBB_SCOPED __attribute__((cleanup(cbb_callback_end)))
#endif

/*
 * Whether the callback keeps cbb_queue_run() of its queue (without one: of the default queue) waiting:
 * counted, 1 at first (0 with `unrefed`), never below 0. Both return the new count; of a CBB_LOCAL callback
 * always 0. It says nothing about delivery. Errors: CBB_ERR_CLOSED, CBB_ERR_FORKED, -EINVAL.
 */
CBB_API int cbb_callback_ref(cbb_callback *callback);
CBB_API int cbb_callback_unref(cbb_callback *callback);

/*
 * Users of the callback: n_users at first. Both return the new count; the release that makes it 0 closes the
 * callback (drain), without waiting. Native code can do the same: cbbroker-native.h.
 * Errors: CBB_ERR_CLOSED, CBB_ERR_FORKED, -EINVAL.
 */
CBB_API int cbb_callback_acquire(cbb_callback *callback);
CBB_API int cbb_callback_release(cbb_callback *callback);

/*
 * A paused listener's events wait in the host, where its overflow rule acts on them. Those that had left it
 * are still delivered; and when it is closed (drain), all. Neither is counted: once is enough.
 * Errors: CBB_ERR_CLOSED, CBB_ERR_UNSUPPORTED (no listener), CBB_ERR_FORKED, -EINVAL.
 */
CBB_API int cbb_callback_pause(cbb_callback *callback);
CBB_API int cbb_callback_resume(cbb_callback *callback);

typedef struct cbb_callback_counts {
	size_t size;         /* in: sizeof(cbb_callback_counts) */
	uint64_t handled;    /* invocations whose handler ran, or that were fetched; failed ones included */
	uint64_t failed;     /* that failed: handlers, results that do not fit, arguments that cannot be decoded */
	uint64_t lost;       /* events told to on_lost */
	uint64_t dropped;    /* events handed back, see on_dropped */
	uint64_t refused;    /* invocations that came when it was closed, or could not be decoded: on_error */
	uint64_t late_answers; /* that this side knew to be late: deferred ones, and those under calls that had timed
	                          out or ended with their host; see cbb_report.late_answers */
} cbb_callback_counts;

/* What became of its invocations so far, closed callbacks included. 0; -EINVAL (size). */
CBB_API int cbb_callback_count(const cbb_callback *callback, cbb_callback_counts *counts);

/*
 * Called for every failure of an invocation of this client's hosts, with the callback's identity: handlers
 * that fail, results that do not fit, and what the host tells of calls that never came here (wrong thread,
 * stalled queue). After on_error. On the thread that learns it, at any time this thread is inside this
 * library; perhaps on several at once. Calls of closed callbacks are in cbb_report instead. hook NULL: none.
 * Errors: -EINVAL.
 */
typedef void cbb_failure_hook(const cbb_failure *failure, void *user_data);
CBB_API int cbb_set_failure_hook(cbb_client *client, cbb_failure_hook *hook, void *user_data);

/* ---- Inside a handler ------------------------------------------------------------------------------ */

/*
 * The invocation that the calling thread's innermost handler runs for; NULL outside of handlers.
 * Valid until that handler returns. Of this thread only.
 *
 * errno, when the handler starts, is the native errno of the moment of the call. What native code sees
 * afterwards is the same value again, whatever the handler did to errno, unless it says
 * cbb_invocation_set_errno().
 *
 * A handler may leave by longjmp(). It is noticed when this thread next uses the library from a frame that
 * is not deeper: native code then gets on_error for the callback, and that use waits, at most to its own
 * deadline, until the calls that were left have returned in the host (after a deadline: CBB_ERR_BUSY, as
 * after a timeout). A handler that ends its thread leaves its calls, too.
 */

/* The functions below give NULL or 0 for NULL. */
CBB_API cbb_invocation *cbb_invocation_current(void);
CBB_API cbb_callback *cbb_invocation_callback(const cbb_invocation *invocation); /* NULL: a plain function */
CBB_API void *cbb_invocation_user_data(const cbb_invocation *invocation); /* the callback option's; else NULL */
CBB_API pid_t cbb_invocation_thread(const cbb_invocation *invocation);   /* native thread that called */
CBB_API const char *cbb_invocation_thread_name(const cbb_invocation *invocation); /* "" if it is not known */
CBB_API uint64_t cbb_invocation_sequence(const cbb_invocation *invocation); /* rises over the whole host */
CBB_API const char *cbb_invocation_call(const cbb_invocation *invocation); /* function that it is nested in;
                                                                              NULL: none of this thread's */
CBB_API int cbb_invocation_is_event(const cbb_invocation *invocation);   /* 1: nobody waits for it */
/* arguments[i] points to the i-th argument. NULL for a call through the client-side pointer. */
CBB_API void *const *cbb_invocation_arguments(const cbb_invocation *invocation);
CBB_API cbb_host *cbb_invocation_host(const cbb_invocation *invocation);
CBB_API int cbb_invocation_errno(const cbb_invocation *invocation);      /* native errno of the call */
CBB_API void cbb_invocation_set_errno(cbb_invocation *invocation, int error_number); /* not of an event */

/*
 * The handler fails: whatever it returns, native code gets what on_error says, and the failure hook is
 * told. Code 0 means CBB_ERR_ARGUMENT; a code above 0 is taken for an errno. text may be NULL, and is
 * copied. A failed event counts as handled. The second form also makes the call fail that the invocation is
 * made under: when native code returns, it gives `code` and this text, whatever the native result (without
 * such a call it is the same as the first). The last word counts. For invocations of cbb_queue_next(), from
 * any thread, instead of cbb_invocation_complete(), with its results.
 * Errors: -EINVAL (invocation NULL), CBB_ERR_CLOSED (the answer was deferred: cbb_deferred_fail).
 */
CBB_API int cbb_invocation_fail(cbb_invocation *invocation, int code, const char *text);
CBB_API int cbb_invocation_fail_call(cbb_invocation *invocation, int code, const char *text);

/*
 * Inside a handler: the answer comes later. The handler's own result is ignored, what its arguments point to
 * lives on until the answer, and the native thread waits for it. Answered once, from any thread: the first
 * answer counts, others give CBB_ERR_CLOSED. When the deadline passes, or the host or the callback's queue
 * ends, native code gets on_error, and an answer after that gives CBB_ERR_TIMEOUT (as soon as the queue's
 * dispatcher has heard of it), CBB_ERR_HOST_DIED or CBB_ERR_CLOSED. Under a call of this very thread the call
 * waits on for the answer (and serves what a waiting thread serves): another thread has to give it.
 *
 * `result` is an object of the result's C type, of result_bytes bytes (void: NULL, 0); a wrong size gives
 * CBB_ERR_ARGUMENT, and native code on_error. cbb_deferred_fail() is as cbb_invocation_fail().
 * cbb_deferred_free() has to be called for each, at any time, from any thread, once; unanswered, native code
 * gets on_error. NULL is allowed; returns NULL.
 * Errors of cbb_invocation_defer(): -EINVAL; CBB_ERR_CLOSED (deferred before); CBB_ERR_UNSUPPORTED (an event, a
 * call through the client-side pointer, an invocation of cbb_queue_next(), a callback under cbb_call_async()).
 */
typedef struct cbb_deferred cbb_deferred;
CBB_API int cbb_invocation_defer(cbb_invocation *invocation, cbb_deferred **ret_deferred);
CBB_API int cbb_deferred_answer(cbb_deferred *deferred, const void *result, size_t result_bytes);
CBB_API int cbb_deferred_fail(cbb_deferred *deferred, int code, const char *text);
CBB_API cbb_deferred *cbb_deferred_free(cbb_deferred *deferred);

/*
 * For language bindings: fetches the next invocation of a pull queue (option `pull`) instead of running a
 * handler. Waits up to timeout_ms; 1 and the invocation, or 0, also after cbb_queue_stop(). It counts as
 * running until it is completed (or failed: cbb_invocation_fail), which frees it; by any thread. on_lost,
 * on_dropped and finalizers run in here. A pull queue serves nobody while its dispatcher waits in a call:
 * native threads then get CBB_ERR_WOULD_DEADLOCK. Errors: those of cbb_queue_dispatch();
 * CBB_ERR_UNSUPPORTED (no pull queue).
 */
CBB_API int cbb_queue_next(cbb_queue *queue, uint64_t timeout_ms, cbb_invocation **ret_invocation);
/*
 * The answer, as for cbb_deferred_answer(). 0; CBB_ERR_ARGUMENT (a wrong result_bytes: native code gets
 * on_error); CBB_ERR_HOST_DIED, CBB_ERR_TIMEOUT: nobody takes it any more. Freed in each case. -EINVAL: not
 * fetched.
 */
CBB_API int cbb_invocation_complete(cbb_invocation *invocation, const void *result, size_t result_bytes);

/* ---- Calls that run elsewhere ---------------------------------------------------------------------- */

typedef struct cbb_async cbb_async;

/*
 * The call is over: its status, as of cbb_call(); cbb_last_error_text() has the words. Runs on the queue. The
 * cbb_async ends when it returns.
 */
typedef void cbb_async_done(cbb_async *async, int status, void *user_data);

typedef struct cbb_async_options {
	size_t size;          /* sizeof(cbb_async_options) */
	cbb_queue *queue;     /* where `done` and the call's callbacks run; default: the default queue. No pull queue */
	cbb_async_done *done; /* may be NULL */
	void *user_data;
	uint64_t timeout_ms;  /* from the start of the call; default as for cbb_call() */
	size_t n_arguments;   /* of arguments[]; default: as many as the function has */
} cbb_async_options;

/*
 * Calls the function on a native thread of its own and returns at once. The arguments, and what they point
 * to, are copied before it returns; *result, and memory that out parameters point to, are written before
 * `done` and must live until then. Callbacks made under it are nested in it, on the queue's dispatcher.
 * Calls beyond the host's max_async_calls wait their turn, in order; a turn, as a deadline, is seen to by
 * whoever dispatches the queue. options and ret_async may be NULL.
 * Errors: CBB_ERR_LIMIT (max_async_waiting), CBB_ERR_UNSUPPORTED (a function with `...`), -EINVAL, and those
 * of cbb_call(); then `done` does not run.
 */
CBB_API int cbb_call_async(cbb_function *function, void *result, void *const arguments[],
                           const cbb_async_options *options, cbb_async **ret_async);

/*
 * 0: it has not begun and does not run; `done` gets -ECANCELED, on the queue. CBB_ERR_BUSY: it has begun. Not
 * after `done`.
 */
CBB_API int cbb_async_cancel(cbb_async *async);

#ifdef __cplusplus
}
#endif

#endif
