"""今日工作台: what a person of this bureau has to do now."""
