/** System call numbers by architecture, from the kernel's headers (`asm/unistd_*.h`), up to Linux 6.18. */

/** The kernel's names; x32 is x86_64's second ABI, its numbers here without the bit that marks it. */
export type Architecture = "x86_64" | "i386" | "x32" | "aarch64" | "arm";

/** In the order of the table's columns. */
export const architectures = ["x86_64", "i386", "x32", "aarch64", "arm"] as const satisfies Architecture[];

/** Set in every system call number of x32 (`asm/unistd.h`). */
export const x32Bit = 0x4000_0000;

/** The architecture of this machine's 64-bit programs. */
export const nativeArchitecture: Architecture = process.arch === "arm64" ? "aarch64" : "x86_64";

/*
 * A name and its number on x86_64, i386, x32, aarch64 and arm; "-" where there is none; one number where it is the same on
 * all. The unit test compares with the headers of the machine and with libseccomp.
 */
const table = `
read 0 3 0 63 3
write 1 4 1 64 4
open 2 5 2 - 5
close 3 6 3 57 6
stat 4 106 4 - 106
fstat 5 108 5 80 108
lstat 6 107 6 - 107
poll 7 168 7 - 168
lseek 8 19 8 62 19
mmap 9 90 9 222 -
mprotect 10 125 10 226 125
munmap 11 91 11 215 91
brk 12 45 12 214 45
rt_sigaction 13 174 512 134 174
rt_sigprocmask 14 175 14 135 175
rt_sigreturn 15 173 513 139 173
ioctl 16 54 514 29 54
pread64 17 180 17 67 180
pwrite64 18 181 18 68 181
readv 19 145 515 65 145
writev 20 146 516 66 146
access 21 33 21 - 33
pipe 22 42 22 - 42
select 23 82 23 - -
sched_yield 24 158 24 124 158
mremap 25 163 25 216 163
msync 26 144 26 227 144
mincore 27 218 27 232 219
madvise 28 219 28 233 220
shmget 29 395 29 194 307
shmat 30 397 30 196 305
shmctl 31 396 31 195 308
dup 32 41 32 23 41
dup2 33 63 33 - 63
pause 34 29 34 - 29
nanosleep 35 162 35 101 162
getitimer 36 105 36 102 105
alarm 37 27 37 - -
setitimer 38 104 38 103 104
getpid 39 20 39 172 20
sendfile 40 187 40 71 187
socket 41 359 41 198 281
connect 42 362 42 203 283
accept 43 - 43 202 285
sendto 44 369 44 206 290
recvfrom 45 371 517 207 292
sendmsg 46 370 518 211 296
recvmsg 47 372 519 212 297
shutdown 48 373 48 210 293
bind 49 361 49 200 282
listen 50 363 50 201 284
getsockname 51 367 51 204 286
getpeername 52 368 52 205 287
socketpair 53 360 53 199 288
setsockopt 54 366 541 208 294
getsockopt 55 365 542 209 295
clone 56 120 56 220 120
fork 57 2 57 - 2
vfork 58 190 58 - 190
execve 59 11 520 221 11
exit 60 1 60 93 1
wait4 61 114 61 260 114
kill 62 37 62 129 37
uname 63 122 63 160 122
semget 64 393 64 190 299
semop 65 - 65 193 298
semctl 66 394 66 191 300
shmdt 67 398 67 197 306
msgget 68 399 68 186 303
msgsnd 69 400 69 189 301
msgrcv 70 401 70 188 302
msgctl 71 402 71 187 304
fcntl 72 55 72 25 55
flock 73 143 73 32 143
fsync 74 118 74 82 118
fdatasync 75 148 75 83 148
truncate 76 92 76 45 92
ftruncate 77 93 77 46 93
getdents 78 141 78 - 141
getcwd 79 183 79 17 183
chdir 80 12 80 49 12
fchdir 81 133 81 50 133
rename 82 38 82 - 38
mkdir 83 39 83 - 39
rmdir 84 40 84 - 40
creat 85 8 85 - 8
link 86 9 86 - 9
unlink 87 10 87 - 10
symlink 88 83 88 - 83
readlink 89 85 89 - 85
chmod 90 15 90 - 15
fchmod 91 94 91 52 94
chown 92 182 92 - 182
fchown 93 95 93 55 95
lchown 94 16 94 - 16
umask 95 60 95 166 60
gettimeofday 96 78 96 169 78
getrlimit 97 76 97 163 -
getrusage 98 77 98 165 77
sysinfo 99 116 99 179 116
times 100 43 100 153 43
ptrace 101 26 521 117 26
getuid 102 24 102 174 24
syslog 103 103 103 116 103
getgid 104 47 104 176 47
setuid 105 23 105 146 23
setgid 106 46 106 144 46
geteuid 107 49 107 175 49
getegid 108 50 108 177 50
setpgid 109 57 109 154 57
getppid 110 64 110 173 64
getpgrp 111 65 111 - 65
setsid 112 66 112 157 66
setreuid 113 70 113 145 70
setregid 114 71 114 143 71
getgroups 115 80 115 158 80
setgroups 116 81 116 159 81
setresuid 117 164 117 147 164
getresuid 118 165 118 148 165
setresgid 119 170 119 149 170
getresgid 120 171 120 150 171
getpgid 121 132 121 155 132
setfsuid 122 138 122 151 138
setfsgid 123 139 123 152 139
getsid 124 147 124 156 147
capget 125 184 125 90 184
capset 126 185 126 91 185
rt_sigpending 127 176 522 136 176
rt_sigtimedwait 128 177 523 137 177
rt_sigqueueinfo 129 178 524 138 178
rt_sigsuspend 130 179 130 133 179
sigaltstack 131 186 525 132 186
utime 132 30 132 - -
mknod 133 14 133 - 14
uselib 134 86 - - 86
personality 135 136 135 92 136
ustat 136 62 136 - 62
statfs 137 99 137 43 99
fstatfs 138 100 138 44 100
sysfs 139 135 139 - 135
getpriority 140 96 140 141 96
setpriority 141 97 141 140 97
sched_setparam 142 154 142 118 154
sched_getparam 143 155 143 121 155
sched_setscheduler 144 156 144 119 156
sched_getscheduler 145 157 145 120 157
sched_get_priority_max 146 159 146 125 159
sched_get_priority_min 147 160 147 126 160
sched_rr_get_interval 148 161 148 127 161
mlock 149 150 149 228 150
munlock 150 151 150 229 151
mlockall 151 152 151 230 152
munlockall 152 153 152 231 153
vhangup 153 111 153 58 111
modify_ldt 154 123 154 - -
pivot_root 155 217 155 41 218
_sysctl 156 149 - - 149
prctl 157 172 157 167 172
arch_prctl 158 384 158 - -
adjtimex 159 124 159 171 124
setrlimit 160 75 160 164 75
chroot 161 61 161 51 61
sync 162 36 162 81 36
acct 163 51 163 89 51
settimeofday 164 79 164 170 79
mount 165 21 165 40 21
umount2 166 52 166 39 52
swapon 167 87 167 224 87
swapoff 168 115 168 225 115
reboot 169 88 169 142 88
sethostname 170 74 170 161 74
setdomainname 171 121 171 162 121
iopl 172 110 172 - -
ioperm 173 101 173 - -
create_module 174 127 - - -
init_module 175 128 175 105 128
delete_module 176 129 176 106 129
get_kernel_syms 177 130 - - -
query_module 178 167 - - -
quotactl 179 131 179 60 131
nfsservctl 180 169 - 42 169
getpmsg 181 188 181 - -
putpmsg 182 189 182 - -
afs_syscall 183 137 183 - -
tuxcall 184 - 184 - -
security 185 - 185 - -
gettid 186 224 186 178 224
readahead 187 225 187 213 225
setxattr 188 226 188 5 226
lsetxattr 189 227 189 6 227
fsetxattr 190 228 190 7 228
getxattr 191 229 191 8 229
lgetxattr 192 230 192 9 230
fgetxattr 193 231 193 10 231
listxattr 194 232 194 11 232
llistxattr 195 233 195 12 233
flistxattr 196 234 196 13 234
removexattr 197 235 197 14 235
lremovexattr 198 236 198 15 236
fremovexattr 199 237 199 16 237
tkill 200 238 200 130 238
time 201 13 201 - -
futex 202 240 202 98 240
sched_setaffinity 203 241 203 122 241
sched_getaffinity 204 242 204 123 242
set_thread_area 205 243 - - -
io_setup 206 245 543 0 243
io_destroy 207 246 207 1 244
io_getevents 208 247 208 4 245
io_submit 209 248 544 2 246
io_cancel 210 249 210 3 247
get_thread_area 211 244 - - -
lookup_dcookie 212 253 212 18 249
epoll_create 213 254 213 - 250
epoll_ctl_old 214 - - - -
epoll_wait_old 215 - - - -
remap_file_pages 216 257 216 234 253
getdents64 217 220 217 61 217
set_tid_address 218 258 218 96 256
restart_syscall 219 0 219 128 0
semtimedop 220 - 220 192 312
fadvise64 221 250 221 223 -
timer_create 222 259 526 107 257
timer_settime 223 260 223 110 258
timer_gettime 224 261 224 108 259
timer_getoverrun 225 262 225 109 260
timer_delete 226 263 226 111 261
clock_settime 227 264 227 112 262
clock_gettime 228 265 228 113 263
clock_getres 229 266 229 114 264
clock_nanosleep 230 267 230 115 265
exit_group 231 252 231 94 248
epoll_wait 232 256 232 - 252
epoll_ctl 233 255 233 21 251
tgkill 234 270 234 131 268
utimes 235 271 235 - 269
vserver 236 273 - - 313
mbind 237 274 237 235 319
set_mempolicy 238 276 238 237 321
get_mempolicy 239 275 239 236 320
mq_open 240 277 240 180 274
mq_unlink 241 278 241 181 275
mq_timedsend 242 279 242 182 276
mq_timedreceive 243 280 243 183 277
mq_notify 244 281 527 184 278
mq_getsetattr 245 282 245 185 279
kexec_load 246 283 528 104 347
waitid 247 284 529 95 280
add_key 248 286 248 217 309
request_key 249 287 249 218 310
keyctl 250 288 250 219 311
ioprio_set 251 289 251 30 314
ioprio_get 252 290 252 31 315
inotify_init 253 291 253 - 316
inotify_add_watch 254 292 254 27 317
inotify_rm_watch 255 293 255 28 318
migrate_pages 256 294 256 238 400
openat 257 295 257 56 322
mkdirat 258 296 258 34 323
mknodat 259 297 259 33 324
fchownat 260 298 260 54 325
futimesat 261 299 261 - 326
newfstatat 262 - 262 79 -
unlinkat 263 301 263 35 328
renameat 264 302 264 38 329
linkat 265 303 265 37 330
symlinkat 266 304 266 36 331
readlinkat 267 305 267 78 332
fchmodat 268 306 268 53 333
faccessat 269 307 269 48 334
pselect6 270 308 270 72 335
ppoll 271 309 271 73 336
unshare 272 310 272 97 337
set_robust_list 273 311 530 99 338
get_robust_list 274 312 531 100 339
splice 275 313 275 76 340
tee 276 315 276 77 342
sync_file_range 277 314 277 84 -
vmsplice 278 316 532 75 343
move_pages 279 317 533 239 344
utimensat 280 320 280 88 348
epoll_pwait 281 319 281 22 346
signalfd 282 321 282 - 349
timerfd_create 283 322 283 85 350
eventfd 284 323 284 - 351
fallocate 285 324 285 47 352
timerfd_settime 286 325 286 86 353
timerfd_gettime 287 326 287 87 354
accept4 288 364 288 242 366
signalfd4 289 327 289 74 355
eventfd2 290 328 290 19 356
epoll_create1 291 329 291 20 357
dup3 292 330 292 24 358
pipe2 293 331 293 59 359
inotify_init1 294 332 294 26 360
preadv 295 333 534 69 361
pwritev 296 334 535 70 362
rt_tgsigqueueinfo 297 335 536 240 363
perf_event_open 298 336 298 241 364
recvmmsg 299 337 537 243 365
fanotify_init 300 338 300 262 367
fanotify_mark 301 339 301 263 368
prlimit64 302 340 302 261 369
name_to_handle_at 303 341 303 264 370
open_by_handle_at 304 342 304 265 371
clock_adjtime 305 343 305 266 372
syncfs 306 344 306 267 373
sendmmsg 307 345 538 269 374
setns 308 346 308 268 375
getcpu 309 318 309 168 345
process_vm_readv 310 347 539 270 376
process_vm_writev 311 348 540 271 377
kcmp 312 349 312 272 378
finit_module 313 350 313 273 379
sched_setattr 314 351 314 274 380
sched_getattr 315 352 315 275 381
renameat2 316 353 316 276 382
seccomp 317 354 317 277 383
getrandom 318 355 318 278 384
memfd_create 319 356 319 279 385
kexec_file_load 320 - 320 294 401
bpf 321 357 321 280 386
execveat 322 358 545 281 387
userfaultfd 323 374 323 282 388
membarrier 324 375 324 283 389
mlock2 325 376 325 284 390
copy_file_range 326 377 326 285 391
preadv2 327 378 546 286 392
pwritev2 328 379 547 287 393
pkey_mprotect 329 380 329 288 394
pkey_alloc 330 381 330 289 395
pkey_free 331 382 331 290 396
statx 332 383 332 291 397
io_pgetevents 333 385 333 292 399
rseq 334 386 334 293 398
uretprobe 335 - - - -
uprobe 336 - - - -
pidfd_send_signal 424
io_uring_setup 425
io_uring_enter 426
io_uring_register 427
open_tree 428
move_mount 429
fsopen 430
fsconfig 431
fsmount 432
fspick 433
pidfd_open 434
clone3 435
close_range 436
openat2 437
pidfd_getfd 438
faccessat2 439
process_madvise 440
epoll_pwait2 441
mount_setattr 442
quotactl_fd 443
landlock_create_ruleset 444
landlock_add_rule 445
landlock_restrict_self 446
memfd_secret 447 447 447 447 -
process_mrelease 448
futex_waitv 449
set_mempolicy_home_node 450
cachestat 451
fchmodat2 452
map_shadow_stack 453 453 - 453 453
futex_wake 454
futex_wait 455
futex_requeue 456
statmount 457
listmount 458
lsm_get_self_attr 459
lsm_set_self_attr 460
lsm_list_modules 461
mseal 462
setxattrat 463
getxattrat 464
listxattrat 465
removexattrat 466
open_tree_attr 467
file_getattr 468
file_setattr 469
waitpid - 7 - - -
break - 17 - - -
oldstat - 18 - - -
umount - 22 - - -
stime - 25 - - -
oldfstat - 28 - - -
stty - 31 - - -
gtty - 32 - - -
nice - 34 - - 34
ftime - 35 - - -
prof - 44 - - -
signal - 48 - - -
lock - 53 - - -
mpx - 56 - - -
ulimit - 58 - - -
oldolduname - 59 - - -
sigaction - 67 - - 67
sgetmask - 68 - - -
ssetmask - 69 - - -
sigsuspend - 72 - - 72
sigpending - 73 - - 73
oldlstat - 84 - - -
readdir - 89 - - -
profil - 98 - - -
socketcall - 102 - - -
olduname - 109 - - -
idle - 112 - - -
vm86old - 113 - - -
ipc - 117 - - -
sigreturn - 119 - - 119
sigprocmask - 126 - - 126
bdflush - 134 - - 134
_llseek - 140 - - 140
_newselect - 142 - - 142
vm86 - 166 - - -
ugetrlimit - 191 - - 191
mmap2 - 192 - - 192
truncate64 - 193 - - 193
ftruncate64 - 194 - - 194
stat64 - 195 - - 195
lstat64 - 196 - - 196
fstat64 - 197 - - 197
lchown32 - 198 - - 198
getuid32 - 199 - - 199
getgid32 - 200 - - 200
geteuid32 - 201 - - 201
getegid32 - 202 - - 202
setreuid32 - 203 - - 203
setregid32 - 204 - - 204
getgroups32 - 205 - - 205
setgroups32 - 206 - - 206
fchown32 - 207 - - 207
setresuid32 - 208 - - 208
getresuid32 - 209 - - 209
setresgid32 - 210 - - 210
getresgid32 - 211 - - 211
chown32 - 212 - - 212
setuid32 - 213 - - 213
setgid32 - 214 - - 214
setfsuid32 - 215 - - 215
setfsgid32 - 216 - - 216
fcntl64 - 221 - - 221
sendfile64 - 239 - - 239
statfs64 - 268 - - 266
fstatfs64 - 269 - - 267
fadvise64_64 - 272 - - -
fstatat64 - 300 - - 327
clock_gettime64 - 403 - - 403
clock_settime64 - 404 - - 404
clock_adjtime64 - 405 - - 405
clock_getres_time64 - 406 - - 406
clock_nanosleep_time64 - 407 - - 407
timer_gettime64 - 408 - - 408
timer_settime64 - 409 - - 409
timerfd_gettime64 - 410 - - 410
timerfd_settime64 - 411 - - 411
utimensat_time64 - 412 - - 412
pselect6_time64 - 413 - - 413
ppoll_time64 - 414 - - 414
io_pgetevents_time64 - 416 - - 416
recvmmsg_time64 - 417 - - 417
mq_timedsend_time64 - 418 - - 418
mq_timedreceive_time64 - 419 - - 419
semtimedop_time64 - 420 - - 420
rt_sigtimedwait_time64 - 421 - - 421
futex_time64 - 422 - - 422
sched_rr_get_interval_time64 - 423 - - 423
arm_fadvise64_64 - - - - 270
arm_sync_file_range - - - - 341
breakpoint - - - - 983041
cacheflush - - - - 983042
get_tls - - - - 983046
pciconfig_iobase - - - - 271
pciconfig_read - - - - 272
pciconfig_write - - - - 273
recv - - - - 291
send - - - - 289
set_tls - - - - 983045
sync_file_range2 - - - - 341
usr26 - - - - 983043
usr32 - - - - 983044
`;

let rows: ReadonlyMap<string, string> | undefined;
const numbers = new Map<Architecture, Map<string, number | undefined>>();

/** The number of a system call, or undefined where the architecture has none of this name. */
export function syscallNumber(architecture: Architecture, name: string): number | undefined {
  let known = numbers.get(architecture);
  if (known === undefined) {
    known = new Map();
    numbers.set(architecture, known);
  }
  // A name that has no number is remembered too.
  if (known.has(name)) return known.get(name);
  const number = findNumber(architecture, name);
  known.set(name, number);
  return number;
}

/** Every name of the table, on whatever architecture. */
export function syscallNames(): string[] {
  rows ??= readTable();
  return [...rows.keys()];
}

function findNumber(architecture: Architecture, name: string): number | undefined {
  rows ??= readTable();
  const columns = rows.get(name)?.split(" ") ?? [];
  const column = columns.length === 1 ? columns[0] : columns[architectures.indexOf(architecture)];
  return column === undefined || column === "-" ? undefined : Number(column);
}

function readTable(): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of table.trim().split("\n")) {
    const space = line.indexOf(" ");
    found.set(line.slice(0, space), line.slice(space + 1));
  }
  return found;
}
