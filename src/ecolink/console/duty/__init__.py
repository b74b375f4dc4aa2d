"""值班与提醒: who is on duty, handing over, the rota, and what our people are told of until somebody takes it on."""
