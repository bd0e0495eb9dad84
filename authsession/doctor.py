def doctor(a,b): return 0
