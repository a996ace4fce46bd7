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
 *    through it. The library starts no thread, installs no signal handler, prints nothing, and never
 *    ends the program.
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
 * return CBB_ERR_HOST_DIED. Every host, library, function and callback of this client is freed, and
 * pointers from CBB_SYMBOL and cbb_callback_pointer end: the program must not use any of them again.
 * NULL is allowed. Returns NULL; or the client, with cbb_last_error() set, where cbb_host_close() would
 * have returned a host: then it is still connected.
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
 * run) at most the connection's timeout.
 * NULL is allowed. Returns NULL; or the host itself, with cbb_last_error() set, if nothing is freed:
 * CBB_ERR_TIMEOUT (the process is gone, but another thread is still inside a handler: call again), or
 * CBB_ERR_WOULD_DEADLOCK (called inside a handler of that host: nothing is done).
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
 * call. Errors: CBB_ERR_HOST_DIED, CBB_ERR_TIMEOUT, CBB_ERR_BUSY, CBB_ERR_ARGUMENT, CBB_ERR_DEPTH,
 * CBB_ERR_PROTOCOL, CBB_ERR_LIMIT, CBB_ERR_FORKED, CBB_ERR_BROKER_GONE.
 */
CBB_API int cbb_call(cbb_function *function, void *result, void *const arguments[]);

typedef struct cbb_call_options {
	size_t size;         /* sizeof(cbb_call_options) */
	uint64_t timeout_ms; /* default: the interface's `timeout`, else the host's call_timeout_ms */
	size_t n_arguments;  /* of arguments[]; default: as many as the function has */
} cbb_call_options;

/*
 * The same with options. When the deadline passes while native code is stuck, the call returns
 * CBB_ERR_TIMEOUT, and until the native function has returned, this thread's calls to this host give
 * CBB_ERR_BUSY. Other threads are not affected. cbb_host_kill() ends the stuck code.
 */
CBB_API int cbb_call_with(cbb_function *function, void *result, void *const arguments[],
                          const cbb_call_options *options);

/* ---- Callbacks ----------------------------------------------------------------------------------- */

/*
 * A plain C function can be passed wherever a remote function expects a function pointer: nothing
 * to open or close. It may then be called as long as the interface says (`scope`). An explicit callback
 * is for what a plain function cannot have: state, a deadline, a lifetime of its own.
 */
typedef struct cbb_callback cbb_callback;

/* How an invocation reaches the handler. */
enum cbb_delivery {
	CBB_DELIVERY_DEFAULT = 0, /* as the interface says, else CBB_AUTO */
	CBB_AUTO = 1,             /* nested in the client thread's call that it is made under; from other native
	                             threads where this version can deliver it, else on_error */
	CBB_LOCAL = 2             /* only nested: from any other native thread it fails, in words */
};

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
} cbb_callback_options;

/*
 * Opens a callback of the named function type of the interface (a typedef, such as
 * "XML_StartElementHandler"). The handler has that type's native signature; it runs on a thread that
 * waits in a call, as often as native code calls, on several threads at once if several wait.
 * options may be NULL. Ended by cbb_callback_close(), memory freed with the host.
 * Errors: CBB_ERR_NO_SYMBOL (type), CBB_ERR_LIMIT (max_callbacks, max_closed_callbacks), -EINVAL.
 */
#define CBB_FUNCTION(handler) ((cbb_any_function)(handler))
CBB_API int cbb_callback_open(cbb_library *library, const char *type, cbb_any_function handler,
                              const cbb_callback_options *options, cbb_callback **ret_callback);
CBB_API int cbb_callback_open_generic(cbb_library *library, const char *type, cbb_generic_handler *handler,
                                      const cbb_callback_options *options, cbb_callback **ret_callback);

/*
 * The callback as a function pointer of the native signature. Passed to a remote function (of any
 * thread, of any library of the same host) it stands for the callback; called here it runs the handler, as
 * an invocation with sequence 0 (closed: it returns on_error, and cbb_last_error() is CBB_ERR_CLOSED).
 * Always the same pointer for one callback, and no other's while the host is open: once closed it can
 * still be passed, and native code that calls it gets on_error.
 */
CBB_API cbb_any_function cbb_callback_pointer(cbb_callback *callback);

/*
 * The callback behind a function pointer that came back from native code; NULL if it is not one (a plain C
 * function comes back as itself and is not one). Works for closed callbacks too.
 */
CBB_API cbb_callback *cbb_callback_find(cbb_host *host, cbb_any_function pointer);

typedef struct cbb_close_options {
	size_t size;         /* sizeof(cbb_close_options) */
	uint64_t timeout_ms; /* how long to wait for handlers that run on other threads; default 10,000 */
	const char *where;   /* shown with a late call: CBB_HERE; default: the caller's address */
} cbb_close_options;

/* This line, as "parser.c:88". */
#define CBB_STRING_OF_(x) #x
#define CBB_STRING_(x) CBB_STRING_OF_(x)
#define CBB_HERE __FILE__ ":" CBB_STRING_(__LINE__)

/*
 * Closes the callback: from now on native code that calls it gets the type's on_error value, and the
 * call is counted and reported. Waits until its handler runs on no other thread; when it returned 0, the
 * handler does not run any more, except around this very call. Closing again, and closing inside the
 * handler, are fine: inside a handler of this very callback it waits for nobody, and returns 1 if the
 * handler runs on another thread as well. options may be NULL. The cbb_callback itself stays valid until its
 * host is freed.
 * Errors: CBB_ERR_TIMEOUT (it is closed, but a handler still runs).
 */
CBB_API int cbb_callback_close(cbb_callback *callback, const cbb_close_options *options);

CBB_API void *cbb_callback_user_data(const cbb_callback *callback);
CBB_API const char *cbb_callback_name(const cbb_callback *callback); /* valid as long as the callback */

/* ---- Inside a handler ------------------------------------------------------------------------------ */

/*
 * The invocation that the calling thread's innermost handler runs for; NULL outside of handlers.
 * Valid until that handler returns. Of this thread only.
 *
 * errno, when the handler starts, is the native errno of the moment of the call. What native code sees
 * afterwards is the same value again, whatever the handler did to errno, unless it says
 * cbb_invocation_set_errno().
 *
 * A handler may leave by longjmp(). It is noticed when this thread next uses the library from a frame that is not deeper:
 * native code then gets on_error for the callback, and that use waits, at most to its own deadline, until the calls
 * that were left have returned in the host (after a deadline: CBB_ERR_BUSY, as after a timeout). A handler that ends its thread leaves its calls, too.
 */
typedef struct cbb_invocation cbb_invocation;

/* The functions below give NULL or 0 for NULL. */
CBB_API cbb_invocation *cbb_invocation_current(void);
CBB_API cbb_callback *cbb_invocation_callback(const cbb_invocation *invocation); /* NULL: a plain function */
CBB_API void *cbb_invocation_user_data(const cbb_invocation *invocation); /* the callback option's; else NULL */
CBB_API pid_t cbb_invocation_thread(const cbb_invocation *invocation);   /* native thread that called */
CBB_API uint64_t cbb_invocation_sequence(const cbb_invocation *invocation); /* rises over the whole host */
CBB_API cbb_host *cbb_invocation_host(const cbb_invocation *invocation);
CBB_API int cbb_invocation_errno(const cbb_invocation *invocation);      /* native errno of the call */
CBB_API void cbb_invocation_set_errno(cbb_invocation *invocation, int error_number);

#ifdef __cplusplus
}
#endif

#endif
