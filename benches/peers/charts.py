def draw_all(folder):
    return {}
