/* Words that are macros in other people's headers, each with a text that no declaration survives: what stands in
 * ours under such a name is found when both are included. By where they come from; a name is here if a program
 * may define it before it includes rcgc.h. Used by c-tests/diagnostics.py. */

/* term.h: every capability that is one word, and those of two that are nearest to our own. */
#define bell 1 + 1
#define buttons 1 + 1
#define columns 1 + 1
#define hangup 1 + 1
#define lines 1 + 1
#define newline 1 + 1
#define pulse 1 + 1
#define tab 1 + 1
#define tone 1 + 1
#define buffer_capacity 1 + 1
#define change_scroll_region 1 + 1
#define char_padding 1 + 1
#define clear_screen 1 + 1
#define create_window 1 + 1
#define delete_line 1 + 1
#define device_type 1 + 1
#define generic_type 1 + 1
#define init_file 1 + 1
#define insert_line 1 + 1
#define key_end 1 + 1
#define key_find 1 + 1
#define key_mark 1 + 1
#define key_next 1 + 1
#define key_reference 1 + 1
#define key_select 1 + 1
#define label_format 1 + 1
#define label_height 1 + 1
#define lines_of_memory 1 + 1
#define max_pairs 1 + 1
#define memory_above 1 + 1
#define memory_below 1 + 1
#define meta_off 1 + 1
#define meta_on 1 + 1
#define num_labels 1 + 1
#define order_of_pins 1 + 1
#define print_rate 1 + 1
#define reset_file 1 + 1
#define save_cursor 1 + 1
#define set_clock 1 + 1
#define set_window 1 + 1
#define user0 1 + 1
#define wait_tone 1 + 1
#define zero_motion 1 + 1

/* curses.h, X11, tgmath.h, R, PostgreSQL: with arguments. */
#define box(win, v, h) 1 + 1
#define check(what) 1 + 1
#define clear() 1 + 1
#define error(...) 1 + 1
#define erase() 1 + 1
#define filter() 1 + 1
#define free(what) 1 + 1
#define index(s, c) 1 + 1
#define isnan(x) 1 + 1
#define length(x) 1 + 1
#define log(x) 1 + 1
#define major(dev) 1 + 1
#define max(a, b) 1 + 1
#define min(a, b) 1 + 1
#define minor(dev) 1 + 1
#define move(y, x) 1 + 1
#define open(...) 1 + 1
#define read(...) 1 + 1
#define refresh() 1 + 1
#define require(what, label) 1 + 1
#define round(x) 1 + 1
#define signal(...) 1 + 1
#define sort(...) 1 + 1
#define stat(...) 1 + 1
#define system(...) 1 + 1
#define timeout(n) 1 + 1
#define verify(what) 1 + 1
#define visit(...) 1 + 1
#define write(...) 1 + 1

/* complex.h, stdnoreturn.h, threads.h, sys/types.h, errno.h, unistd.h, compilers in their GNU modes. */
#define I 1 + 1
#define complex 1 + 1
#define environ 1 + 1
#define errno 1 + 1
#define i386 1 + 1
#define imaginary 1 + 1
#define linux 1 + 1
#define noreturn 1 + 1
#define optarg 1 + 1
#define s_addr 1 + 1
#define si_value 1 + 1
#define st_mtime 1 + 1
#define stderr 1 + 1
#define stdin 1 + 1
#define stdout 1 + 1
#define sun 1 + 1
#define unix 1 + 1

/* The headers of Windows, which MinGW, Wine and code that was moved from there bring along. */
#define cdecl 1 + 1
#define except 1 + 1
#define far 1 + 1
#define finally 1 + 1
#define hyper 1 + 1
#define interface 1 + 1
#define leave 1 + 1
#define near 1 + 1
#define pascal 1 + 1
#define rad1 1 + 1
#define small 1 + 1
#define IN 1 + 1
#define OUT 1 + 1

/* Attributes by short names: kernels, C libraries, firmware. */
#define aligned 1 + 1
#define always_inline 1 + 1
#define barrier 1 + 1
#define cleanup 1 + 1
#define cold 1 + 1
#define deprecated 1 + 1
#define hidden 1 + 1
#define hot 1 + 1
#define likely 1 + 1
#define may_alias 1 + 1
#define noinline 1 + 1
#define nonnull 1 + 1
#define packed 1 + 1
#define pure 1 + 1
#define section 1 + 1
#define unlikely 1 + 1
#define unused 1 + 1
#define used 1 + 1
#define visibility 1 + 1
#define warn_unused_result 1 + 1
#define weak 1 + 1

/* Qt, Objective-C, Lua's and zlib's sources, and what else makes C look like another language. */
#define begin 1 + 1
#define byte 1 + 1
#define current 1 + 1
#define emit 1 + 1
#define end 1 + 1
#define foreach 1 + 1
#define forever 1 + 1
#define global 1 + 1
#define internal 1 + 1
#define local 1 + 1
#define loop 1 + 1
#define nil 1 + 1
#define self 1 + 1
#define signals 1 + 1
#define slots 1 + 1
#define until 1 + 1
#define Bool 1 + 1
#define None 1 + 1
#define Status 1 + 1
#define Success 1 + 1

/* Words that inline code could use for what it has by itself. */
#define guard 1 + 1
#define old 1 + 1
#define variable 1 + 1
#define word 1 + 1
